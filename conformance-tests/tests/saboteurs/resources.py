"""Saboteurs of the journal that keep something to themselves: unwritten events, a cursor, a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent
from saboteurs.sabotage import caught_by

Events = AsyncIterator[PersistedEvent]


class Buffers(MemoryPersistenceEngine):
    """Not yet a saboteur: keeps events to itself until there are enough of them."""

    most = 1

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self.kept: list[PersistedEvent] = []

    async def persist(self, event: PersistedEvent) -> None:
        self.kept.append(event)
        if len(self.kept) > self.most:
            await self.flush()

    async def flush(self) -> None:
        while self.kept:
            await super().persist(self.kept.pop(0))

    async def events(self, key: str, *, after: int = 0, **window: Any) -> Events:
        async for event in super().events(key, after=after, **window):
            yield event
        for event in self.kept:
            if event.key == key and event.sequence_number > after:
                yield event


@caught_by("J-12")
class AcknowledgesBeforeStoring(Buffers):
    """Stores an event when the next one comes, or when it is closed."""

    async def aclose(self) -> None:
        await self.flush()
        await super().aclose()


@caught_by("J-13")
class ForgetsItsBufferAtClosing(Buffers):
    """Stores a few events later, and not those that it has when it is closed."""

    most = 9


@caught_by("J-16")
class SharesOneCursor(MemoryPersistenceEngine):
    """Has one cursor for each key, which replays at once move together."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._cursors: dict[str, Events] = {}

    async def events(self, key: str, *, after: int = 0, **window: Any) -> Events:
        cursor = self._cursors.setdefault(key, super().events(key, after=after, **window))
        async for event in cursor:
            yield event
        self._cursors.pop(key, None)


class Pools(MemoryPersistenceEngine):
    """Not yet a saboteur: every call needs one of ten connections."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self.connections = asyncio.Semaphore(10)

    async def persist(self, event: PersistedEvent) -> None:
        async with self.connections:
            await asyncio.sleep(0)
            await super().persist(event)


@caught_by("J-17", "I-08")
class HoldsAConnectionDuringReplay(Pools):
    """Keeps its connection while the consumer of a replay works."""

    async def events(self, key: str, **window: Any) -> Events:
        async with self.connections:
            async for event in super().events(key, **window):
                yield event


@caught_by("J-18")
class LocksTheStorageDuringReplay(MemoryPersistenceEngine):
    """Holds the storage's lock while the consumer of a replay works; its own writes pass."""

    async def events(self, key: str, **window: Any) -> Events:
        vars(self._storage).setdefault("readers", []).append(self)
        try:
            async for event in super().events(key, **window):
                yield event
        finally:
            vars(self._storage)["readers"].remove(self)

    async def persist(self, event: PersistedEvent) -> None:
        while any(reader is not self for reader in vars(self._storage).get("readers", [])):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await super().persist(event)


@caught_by("J-19", "X-08")
class LosesConnectionsOfAbandonedReplays(Pools):
    """Gives a replay's connection back at its end, and only there."""

    async def events(self, key: str, **window: Any) -> Events:
        await self.connections.acquire()
        await asyncio.sleep(0)
        async for event in super().events(key, **window):
            yield event
        self.connections.release()
