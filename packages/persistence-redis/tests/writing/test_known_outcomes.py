"""An error says that nothing was stored only where that is proven."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from redis.asyncio import Redis
from redis_servers.clients import run

from nact.errors import EngineUnavailableError, OutcomeUnknownError, SequenceConflictError
from nact.persistence import PersistedEvent
from nact_conformance.containers import RedisStorage
from nact_persistence_redis import RedisPersistenceEngine
from nact_persistence_redis._statements.records import event_fields
from nact_persistence_redis._writing.appends import Append, outcome_of

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]


def url_without(server: RedisStorage, right: str) -> str:
    """For a user that may do all but this."""
    run(server, "ACL", "SETUSER", "poor", "reset", "on", ">secret", "~nact:*", "+@all", right)
    return server.bare_url.replace("//", "//poor:secret@")


@pytest.mark.parametrize("right", ["-xrange", "-xinfo", "-xsetid"])
async def test_an_event_that_is_stored_and_not_found_is_in_doubt(
    server: RedisStorage, engine: RedisPersistenceEngine, key: str, numbered: Numbered, right: str
) -> None:
    """It was stored by an earlier call, say; what follows, whether it is there, fails."""
    events = numbered(key, 1, 3)
    await engine.persist_all(events)
    async with RedisPersistenceEngine(url_without(server, right)) as poor:
        with pytest.raises(EngineUnavailableError, match="ACL") as raised:
            await poor.persist(events[1])
    assert isinstance(raised.value, OutcomeUnknownError)


async def test_an_item_that_fails_does_not_deny_its_neighbours(
    server: RedisStorage, engine: RedisPersistenceEngine, key: str, numbered: Numbered
) -> None:
    first, second = numbered(key, 1, 2)
    await engine.persist(first)
    others = [numbered(f"{key}-{n}", 1, 1)[0] for n in range(3)]
    async with RedisPersistenceEngine(url_without(server, "-xinfo")) as poor:
        outcomes = await asyncio.gather(*map(poor.persist, [*others, second]), return_exceptions=True)
    assert outcomes[:3] == [None] * 3
    assert isinstance(outcomes[3], EngineUnavailableError)
    for each in others:
        assert await engine.highest_sequence_number(each.key) == 1


async def test_what_an_earlier_call_left_in_doubt_stays_so(
    server: RedisStorage, shell: Redis, key: str, numbered: Numbered
) -> None:
    (event,) = numbered(key, 1, 1)
    async with RedisPersistenceEngine(server.bare_url, timeout=0.3, retry_for=0.1) as engine:
        await engine.highest_sequence_number(key)
        server.pause()
        with pytest.raises(EngineUnavailableError, match="didn't answer"):
            await engine.persist(event)
        server.resume()
        await shell.config_set("maxmemory", 1)
        try:
            with pytest.raises(EngineUnavailableError, match="make room") as raised:
                await engine.persist(event)
            with pytest.raises(EngineUnavailableError, match="make room") as other:
                await engine.persist(numbered(f"{key}-other", 1, 1)[0])
        finally:
            await shell.config_set("maxmemory", 0)
        assert isinstance(raised.value, OutcomeUnknownError)
        assert not isinstance(other.value, OutcomeUnknownError)
        await engine.persist(event)
        assert [found async for found in engine.events(key)] == [event]


async def test_a_batch_is_recognised_by_what_a_deletion_left_of_it(
    engine: RedisPersistenceEngine, key: str, numbered: Numbered
) -> None:
    batch = numbered(key, 1, 5)
    await engine.persist_all(batch)
    await engine.delete_events(key, up_to=3)
    await engine.persist_all(batch)
    with pytest.raises(SequenceConflictError):
        await engine.persist_all(numbered(key, 1, 5))
    await engine.persist_all(numbered(key, 6, 7))
    await engine.delete_events(key, up_to=7)
    with pytest.raises(SequenceConflictError):
        await engine.persist_all(batch)


def test_what_was_deleted_before_its_retry_may_have_been_stored(key: str, numbered: Numbered) -> None:
    item = Append(key, 1, [event_fields(event) for event in numbered(key, 1, 2)])
    assert isinstance(outcome_of(item, 0, [b"DELETED 7"], False), SequenceConflictError)
    outcome = outcome_of(item, 0, [b"DELETED 7"], True)
    assert isinstance(outcome, EngineUnavailableError)
    assert isinstance(outcome, OutcomeUnknownError)


def test_a_batch_that_was_broken_off_is_in_doubt(key: str, numbered: Numbered) -> None:
    item = Append(key, 1, [event_fields(event) for event in numbered(key, 1, 2)])
    outcome = outcome_of(item, 0, [b"PARTLY OOM command not allowed"], False)
    assert isinstance(outcome, EngineUnavailableError)
    assert isinstance(outcome, OutcomeUnknownError)
    assert "make room" in str(outcome)
