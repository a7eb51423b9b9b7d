"""The two threads that touch SQLite, and the event loop that they work for."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar, TypeVarTuple

from nact.errors import EngineClosedError, EngineUnavailableError
from nact.persistence.building.group_commit import GroupCommit, Outcome
from nact_persistence_sqlite._database import Database, File
from nact_persistence_sqlite._reader import Reader
from nact_persistence_sqlite._worker import Worker
from nact_persistence_sqlite._writer import Item, Writer

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

_MAX_ITEMS = 512
"""In a batch. Of a thousand writers one half makes its next events while those of the other half are written."""


class Threads:
    """Opens the file at first use, takes writes to the writer thread and reads to the reader thread, and ends both.

    They belong to one process, and to one event loop at a time.
    """

    def __init__(self, file: File) -> None:
        self.is_closed = False
        self.reader = Reader(Database(file, writes=False), file.sql)
        self._writer = Writer(Database(file, writes=True), file.sql)
        self._path = file.path
        self._writer_thread = Worker(f"nact sqlite writer {file.path}")
        self._reader_thread = Worker(f"nact sqlite reader {file.path}")
        self._commits: GroupCommit[Item] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process: int | None = None
        self._has_tables = False
        self._in_doubt: asyncio.Future[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def are_left_open(self) -> bool:
        return self._process == os.getpid() and not self.is_closed

    async def open(self) -> None:
        """Opens the file now. If that fails, it is as if nobody had tried."""
        self.check_usable()
        try:
            await self._open_tables()
        except BaseException:
            if not self.is_closed:
                await self._release()
            raise
        self.check_usable()  # it may have been closed meanwhile

    def check_usable(self) -> None:
        """Returns if this event loop can use it. Called by every use, so it has to be fast."""
        if self.is_closed:
            raise EngineClosedError(f"the engine for {self._path} is closed; make a new one")
        if asyncio.get_running_loop() is not self._loop:
            self._belong_here()

    async def write(self, item: Item, size: int = 0) -> None:
        """Returns when the item is stored, or raises its outcome."""
        self.check_usable()
        assert self._commits is not None  # noqa: S101 - for the type checker
        try:
            await self._commits.submit(item, size=size)
        except asyncio.CancelledError:
            # It may be on its way. A read that doesn't see it yet has to wait, or what it tells changes afterwards.
            if self._process is not None and self._writer_thread.is_running:
                self._doubt(self._writer.settle)
            raise

    async def read(self, function: Callable[[*Ts], R], *args: *Ts) -> R:
        """What a method of `reader` returns."""
        self.check_usable()
        while self._in_doubt is not None or not self._has_tables:
            await self._settle_doubt()
            self.check_usable()
            await self._open_tables()
            self.check_usable()
        try:
            reading = self._reader_thread.call(function, *args)
            self.reader.expect()
            return await reading
        except EngineUnavailableError:
            self._has_tables = False  # the writer has to see whether it has the same files open as others
            raise

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes the file. Goes on when it is cancelled. Can be called again."""
        if self._process not in {None, os.getpid()}:
            return  # after a fork: the threads and the connections are the parent's
        if self._closing is None or self._closing.cancelled():
            if self._process is not None:
                self._belong_here()
            self.is_closed = True
            self._closing = asyncio.create_task(self._release(), name="nact sqlite close")
        if not self._closing.done():
            await asyncio.shield(self._closing)

    async def _release(self) -> None:
        if self._commits is not None:
            await self._commits.aclose()
        await self._reader_thread.aclose(self.reader.close)
        await self._writer_thread.aclose(self._writer.close)
        self._process, self._loop, self._has_tables, self._in_doubt = None, None, False, None

    def _belong_here(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        if self._process not in {None, os.getpid()}:
            raise EngineClosedError(
                f"the engine for {self._path} was opened before a fork, by process {self._process}; make a new one here"
            )
        if self._loop is not None and self._loop.is_running():
            raise RuntimeError(f"the engine for {self._path} is in use by another event loop; make one for each")
        self._commits = GroupCommit(self._write, max_items=_MAX_ITEMS)
        if self._process is not None and self._writer_thread.is_running:
            self._doubt(self._writer.settle)  # the other event loop may have left a write under way
        self._process, self._loop = os.getpid(), loop

    async def _open_tables(self) -> None:
        if not self._has_tables:
            await self._writer_thread.call(self._writer.open)
            self._has_tables = True

    def _write(self, items: Sequence[Item]) -> asyncio.Future[Sequence[Outcome]]:
        writing = self._writer_thread.call(self._writer.write, items)
        writing.add_done_callback(self._look_back)
        return writing

    def _look_back(self, writing: asyncio.Future[Sequence[Outcome]]) -> None:
        """After a failure the writer opens the file anew, which has to be anew for this process: `-shm` is shared."""
        if not writing.cancelled() and isinstance(writing.exception(), EngineUnavailableError):
            closed = threading.Event()
            if self._reader_thread.is_running:
                self._reader_thread.call(self._close_reader, closed).add_done_callback(_failure)
            else:
                closed.set()  # nothing was opened there
            self._doubt(self._settle, closed)

    def _close_reader(self, closed: threading.Event) -> None:
        self.reader.close()
        closed.set()

    def _settle(self, closed: threading.Event) -> None:
        closed.wait()
        self._writer.settle()

    def _doubt(self, settle: Callable[[*Ts], None], *args: *Ts) -> None:
        """Lets reads wait until `settle` has returned."""
        self._in_doubt = self._writer_thread.call(settle, *args)
        self._in_doubt.add_done_callback(_failure)

    async def _settle_doubt(self) -> None:
        """Waits until what a read shows stays true."""
        while (doubt := self._in_doubt) is not None:
            if doubt.done() and _failure(doubt) is not None:
                self.check_usable()
                self._doubt(self._writer.settle)  # that was then: this read asks again
                continue
            await asyncio.wait([doubt])
            failure = _failure(doubt)
            if failure is not None:
                raise failure
            if doubt is self._in_doubt:
                self._in_doubt = None


def _failure(done: asyncio.Future[None]) -> BaseException | None:
    return None if done.cancelled() else done.exception()
