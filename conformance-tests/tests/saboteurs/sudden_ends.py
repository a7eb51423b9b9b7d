"""Saboteurs of ends: of an engine in the middle of its work, of an event loop, of a process."""

from __future__ import annotations

import asyncio
import os

from good_engines.files import Change, FileEngine

from nact.persistence import MemoryPersistenceEngine, PersistedEvent, PersistedSnapshot
from saboteurs.lifecycle import Opens
from saboteurs.sabotage import caught_by


@caught_by("L-13")
class DropsSnapshotsAtClosing(MemoryPersistenceEngine):
    """Acknowledges a snapshot that waits when it is closed, and doesn't store it."""

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        for _ in range(4):
            await asyncio.sleep(0)
        if not self._closed:
            await super().take_snapshot(snapshot)


@caught_by("L-14")
class ClosesNothingHalfOpen(Opens):
    """Ends its task when it is closed, if it had opened to the end."""

    _task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        if self._task is None:
            self._task = asyncio.ensure_future(asyncio.sleep(3600))
            for _ in range(4):
                await asyncio.sleep(0)
            self.opened = True

    async def aclose(self) -> None:
        await super().aclose()
        if self.opened and self._task is not None:
            self._task.cancel()


@caught_by("L-15")
class StaysInItsFirstLoop(MemoryPersistenceEngine):
    """Speaks through a connection that belongs to the event loop of its first use."""

    _loop: asyncio.AbstractEventLoop | None = None

    async def persist(self, event: PersistedEvent) -> None:
        self._loop = self._loop or asyncio.get_running_loop()
        if self._loop.is_closed():
            raise RuntimeError("Event loop is closed")
        await super().persist(event)


@caught_by("L-16")
class WaitsForAThreadOfItsParent(FileEngine):
    """Has its work done by another thread, which a child process doesn't have."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._process = os.getpid()

    async def _change(self, change: Change) -> None:
        if os.getpid() != self._process:
            await asyncio.get_running_loop().create_future()
        await super()._change(change)
