"""Saboteurs of opening and closing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

from nact.errors import EngineClosedError, EngineUnavailableError
from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent
from saboteurs.sabotage import caught_by

Events = AsyncIterator[PersistedEvent]


@caught_by("L-01")
class ConnectsInItsConstructor(MemoryPersistenceEngine):
    """Can be made in a running event loop only."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._connection = asyncio.get_running_loop().create_future()


class Opens(MemoryPersistenceEngine):
    """Not yet a saboteur: one that has to open."""

    opened = False

    async def open(self) -> None:
        self.opened = True

    async def persist(self, event: PersistedEvent) -> None:
        await self.open()
        await super().persist(event)

    async def events(self, key: str, **window: Any) -> Events:
        await self.open()
        async for event in super().events(key, **window):
            yield event


@caught_by("L-02")
class OpensAtAWriteOnly(Opens):
    """Raises when it is read before it was written to."""

    async def events(self, key: str, **window: Any) -> Events:
        if not self.opened:
            raise EngineUnavailableError("call persist first")
        async for event in super().events(key, **window):
            yield event


@caught_by("L-03")
class OpensForOneAtATime(Opens):
    """Raises for calls that come while it opens."""

    opening = False

    async def open(self) -> None:
        if self.opening:
            raise EngineUnavailableError("the engine is being opened")
        if not self.opened:
            self.opening = True
            await asyncio.sleep(0)
            self.opening, self.opened = False, True


@caught_by("L-04")
class CreatesTablesWithoutALock(Opens):
    """Fails if another client creates the tables at the same time."""

    async def open(self) -> None:
        tables = vars(self._storage)
        if self.opened or tables.get("there"):
            self.opened = True
            return
        if tables.get("creating"):
            raise EngineUnavailableError("the table exists already")
        tables["creating"] = True
        await asyncio.sleep(0)
        tables["there"] = self.opened = True


@caught_by("L-05")
class ClosesOnce(MemoryPersistenceEngine):
    """Raises when it is closed again."""

    async def aclose(self) -> None:
        self._check_open()
        await super().aclose()


@caught_by("L-06")
class ClosesOnlyWhatIsOpen(Opens):
    """Stays usable if it is closed before its first use."""

    async def aclose(self) -> None:
        if self.opened:
            await super().aclose()


@caught_by("L-07")
class FindsNothingWhenClosed(MemoryPersistenceEngine):
    """Yields no events when it is closed, instead of saying so."""

    async def events(self, key: str, **window: Any) -> Events:
        if not self._closed:
            async for event in super().events(key, **window):
                yield event


@caught_by("L-07")
class OpensAgain(MemoryPersistenceEngine):
    """Opens again when it is used after it was closed."""

    async def aclose(self) -> None:
        """Closes nothing for long."""


@caught_by("L-08")
class AcknowledgesAtClosing(MemoryPersistenceEngine):
    """Tells the writers whose events wait that all is well, and goes."""

    closing = False

    async def persist(self, event: PersistedEvent) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            if self.closing:
                return
        await super().persist(event)

    async def aclose(self) -> None:
        self.closing = True
        await asyncio.sleep(0)
        await super().aclose()


@caught_by("L-09")
class ClosesItForEverybody(MemoryPersistenceEngine):
    """Closes the storage that others use too."""

    def _check_open(self) -> None:
        if vars(self._storage).get("closed"):
            raise EngineClosedError("it was closed")

    async def aclose(self) -> None:
        vars(self._storage)["closed"] = True


@caught_by("L-10")
class EndsReplaysAtClosing(MemoryPersistenceEngine):
    """Ends a replay early when it is closed."""

    async def events(self, key: str, **window: Any) -> Events:
        self._check_open()
        try:
            async for event in super().events(key, **window):
                yield event
        except EngineClosedError:
            return


@caught_by("L-11")
class LeavesATask(Opens):
    """Begins a task, and doesn't end it."""

    async def open(self) -> None:
        if not self.opened:
            self.opened = True
            self._task = asyncio.ensure_future(asyncio.sleep(3600))


@caught_by("L-11")
class LeavesAFile(Opens):
    """Opens a file, and doesn't close it."""

    async def open(self) -> None:
        if not self.opened:
            self.opened = True
            self._files = os.pipe()

    def __del__(self) -> None:
        vars(self._storage).setdefault("left", []).append(vars(self).get("_files"))


@caught_by("L-12")
class StaysOpenAfterAnError(MemoryPersistenceEngine):
    """Closes only if its context was left without an error."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.aclose()
