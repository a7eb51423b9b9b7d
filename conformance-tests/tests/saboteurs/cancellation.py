"""Saboteurs of cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from good_engines.network import check_json

from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent, PersistedSnapshot
from saboteurs.conflicts import Writes
from saboteurs.sabotage import caught_by


@caught_by("X-01")
class WritesInTwoSteps(Writes):
    """Takes the number first, and adds the data later."""

    async def persist(self, event: PersistedEvent) -> None:
        if event.sequence_number == len(self.journal(event)) + 1:
            check_json(event)
            self.put(msgspec.structs.replace(event, data=None))
            await asyncio.sleep(0)
            self.put(event)
        else:
            await super().persist(event)


class Checkouts(MemoryPersistenceEngine):
    """Not yet a saboteur: hands its one connection from one caller to the next."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self.free = [object()]
        self.waiting: list[asyncio.Future[object]] = []

    async def check_out(self) -> object:
        ready: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.waiting.append(ready)
        asyncio.get_running_loop().call_soon(self.hand_out)
        return await ready

    def hand_out(self) -> None:
        self.waiting = [ready for ready in self.waiting if not ready.done()]
        while self.free and self.waiting:
            self.waiting.pop(0).set_result(self.free.pop())

    def check_in(self, connection: object) -> None:
        self.free.append(connection)
        self.hand_out()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[object]:
        taken = await self.check_out()
        try:
            yield taken
        finally:
            self.check_in(taken)

    async def persist(self, event: PersistedEvent) -> None:
        async with self.connection():
            await super().persist(event)


@caught_by("X-02", "X-05")
class LosesAConnectionThatWasHandedOut(Checkouts):
    """Loses a connection if its caller is cancelled in the moment in which it gets it."""


@caught_by("X-05")
class LosesAConnectionOfACancelledCall(Checkouts):
    """Gives a connection back when its call succeeded, and only then."""

    async def persist(self, event: PersistedEvent) -> None:
        taken = await self.check_out()
        await asyncio.sleep(0)
        await MemoryPersistenceEngine.persist(self, event)
        self.check_in(taken)


@caught_by("X-03")
class StaysHalfOpen(MemoryPersistenceEngine):
    """Waits for ever for an opening that was cancelled."""

    opening: asyncio.Event | None = None

    async def persist(self, event: PersistedEvent) -> None:
        if self.opening is None:
            self.opening = asyncio.Event()
            await asyncio.sleep(0)
            self.opening.set()
        await self.opening.wait()
        await super().persist(event)


@caught_by("X-04")
class SwallowsCancellation(MemoryPersistenceEngine):
    """Goes on when it is cancelled, as if nothing had been said."""

    async def persist(self, event: PersistedEvent) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        await super().persist(event)


@caught_by("X-07")
class SharesItsCancellation(MemoryPersistenceEngine):
    """Has all writers of a group wait for one task, which the first cancellation ends."""

    group: asyncio.Task[None] | None = None

    async def persist(self, event: PersistedEvent) -> None:
        if self.group is None or self.group.done():
            self.group = asyncio.ensure_future(self._wait())
        await self.group
        await super().persist(event)

    async def _wait(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)


@caught_by("X-09")
class TakesSnapshotsInTwoSteps(MemoryPersistenceEngine):
    """Stores that there is a snapshot, and then what is in it."""

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        await super().take_snapshot(msgspec.structs.replace(snapshot, data=None))
        await asyncio.sleep(0)
        await super().take_snapshot(snapshot)


@caught_by("X-10")
class WritesGhosts(MemoryPersistenceEngine):
    """Goes on with a write that was cancelled, and doesn't tell readers meanwhile."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._writes: set[asyncio.Task[Any]] = set()

    async def persist(self, event: PersistedEvent) -> None:
        write = asyncio.ensure_future(self._later(event))
        self._writes.add(write)
        write.add_done_callback(self._ended)
        await asyncio.shield(write)

    def _ended(self, write: asyncio.Task[Any]) -> None:
        self._writes.discard(write)
        if not write.cancelled():
            write.exception()

    async def _later(self, event: PersistedEvent) -> None:
        for _ in range(9):
            await asyncio.sleep(0)
        await super().persist(event)


@caught_by("X-11")
class TakesSnapshotsInTheBackground(MemoryPersistenceEngine):
    """Goes on with a snapshot that was cancelled, beside the next one, which is faster."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._writes: set[asyncio.Task[Any]] = set()

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        write = asyncio.ensure_future(self._later(snapshot))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        await asyncio.shield(write)

    async def _later(self, snapshot: PersistedSnapshot) -> None:
        for _ in range(len(str(snapshot.data)) % 7 * 2):
            await asyncio.sleep(0)
        await super().take_snapshot(snapshot)


@caught_by("X-12")
class HandsAnswersToOthers(MemoryPersistenceEngine):
    """Reads together what is asked for together. Passes over those that are cancelled, not over their answers."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._asked: list[tuple[str, asyncio.Future[str]]] = []

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        async for each in super().events(await self._own(key), after=after, limit=limit, tags=tags):
            yield each

    def _own(self, key: str) -> asyncio.Future[str]:
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[str] = loop.create_future()
        if not self._asked:
            loop.call_soon(loop.call_soon, self._answer)
        self._asked.append((key, asked))
        return asked

    def _answer(self) -> None:
        together, self._asked = self._asked, []
        waiting = [asked for _, asked in together if not asked.cancelled()]
        for (key, _), asked in zip(together, waiting, strict=False):
            asked.set_result(key)
