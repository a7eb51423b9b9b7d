"""Somebody who asks the contacts service, and a journal that can be watched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from contacts import Answer, Contact, ContactList, CreateContact, ListContacts, Request
from contacts.messages import Details
from nact import (
    ActorRef,
    OutcomeUnknownError,
    configure_persistence,
    engine_from_url,
    query,
    seconds,
    start,
)
from nact.persistence import MemoryPersistenceEngine, PersistedEvent

GRACE = Details(name="Grace Hopper", email="grace@example.com", phone="1906")


class Client:
    """Asks one service."""

    def __init__(self, service: ActorRef[Request]) -> None:
        self.service = service

    async def ask(self, request: Request) -> Answer:
        answer: Answer = await query(self.service, request, 10 * seconds)
        return answer

    async def create(self, user: str = "ada", details: Details = GRACE) -> Contact:
        contact = await self.ask(CreateContact(user, details))
        assert isinstance(contact, Contact)
        return contact

    async def contacts(self, user: str = "ada") -> list[Contact]:
        answer = await self.ask(ListContacts(user))
        assert isinstance(answer, ContactList)
        return list(answer.contacts)


Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[Client]]


async def journal(url: str, user: str = "ada") -> list[PersistedEvent]:
    engine = engine_from_url(url)
    async with start(configure_persistence(engine)):
        return [event async for event in engine.events(f"contacts:{user}")]


class WatchedEngine(MemoryPersistenceEngine):
    """Counts recoveries, and loses its connection when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.recoveries = 0
        self.fails_after_storing = False

    def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        self.recoveries += 1
        return super().events(key, after=after, limit=limit, tags=tags)

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(event)
        if self.fails_after_storing:
            raise OutcomeUnknownError("the connection was lost")
