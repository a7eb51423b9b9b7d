"""A user's actor comes when it is needed, and goes when it is idle or has failed. Those who ask needn't know."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from contacts import Contact, ContactList, CreateContact, ListContacts, spawn_contacts_service
from nact import EngineUnavailableError, HandlerFailedError, QueryTimeoutError, configure_persistence, query, start

from .client import GRACE, Serve, WatchedEngine

pytestmark = pytest.mark.anyio


async def test_an_idle_actor_is_shut_down_and_starts_again_when_it_is_asked(serve: Serve) -> None:
    engine = WatchedEngine()
    async with serve(engine, idle_after=0.001) as client, asyncio.timeout(30):
        contact = await client.create()
        while engine.recoveries == 1:
            await asyncio.sleep(0.02)
            assert await client.contacts() == [contact]


async def test_a_busy_actor_is_not_started_twice(serve: Serve) -> None:
    engine = WatchedEngine()
    async with serve(engine) as client:
        await asyncio.gather(*(client.create() for _ in range(100)))
        assert len(await client.contacts()) == 100
    assert engine.recoveries == 1


async def test_requests_that_race_with_idle_shutdowns_are_all_answered(serve: Serve) -> None:
    async with serve(idle_after=0.001) as client:
        for _ in range(30):
            await client.create()
            await asyncio.sleep(0.009)
        assert len(await client.contacts()) == 30


async def test_an_actor_that_failed_starts_again_with_what_the_journal_tells() -> None:
    engine = WatchedEngine()
    engine.fails_after_storing = True
    async with start(configure_persistence(engine)) as system:
        service = spawn_contacts_service(system)
        unanswered = query(service, CreateContact("ada", GRACE), 600)
        contacts = await answered_in_the_end(lambda: query(service, ListContacts("ada"), 0.1))
    assert [contact.name for contact in contacts] == ["Grace Hopper"]
    assert engine.recoveries == 2
    with pytest.raises(HandlerFailedError) as failure:  # at once, and not after its timeout
        await unanswered
    assert isinstance(failure.value.__cause__, EngineUnavailableError)


async def answered_in_the_end(ask: Callable[[], Awaitable[ContactList]]) -> tuple[Contact, ...]:
    """What a client does whose question was dropped together with the actor that failed: it asks again."""
    async with asyncio.timeout(30):
        while True:
            with suppress(QueryTimeoutError):
                return (await ask()).contacts
