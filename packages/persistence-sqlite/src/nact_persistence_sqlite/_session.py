"""The engine's work in one event loop: writes go to one thread, reads to another. Only these two touch SQLite."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar, TypeVarTuple

from nact.errors import EngineClosedError, EngineUnavailableError
from nact.persistence.building.errors import copy_for_caller, mark_retrieved
from nact.persistence.building.group_commit import GroupCommit, Outcome
from nact_persistence_sqlite._database import Database, File
from nact_persistence_sqlite._reader import Reader
from nact_persistence_sqlite._worker import Worker
from nact_persistence_sqlite._writer import Item, Writer

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

_MAX_ITEMS = 512
"""In a batch. With a thousand writers, half of them make their next events while those of the others are written."""


class Sessions:
    """Makes the sessions of an engine, one for each event loop that uses it.

    A session ends the threads of the one before it: an event loop that ended may have left them, and a write under way.
    """

    def __init__(self, file: File) -> None:
        self._file = file
        self._last: Session | None = None

    def __call__(self) -> Session:
        self._last = Session(self._file, self._last)
        return self._last


class Session:
    """The threads of an engine in one event loop. Made there, without I/O.

    Args:
        file: The file.
        before: The session whose threads are ended when this one opens.
    """

    def __init__(self, file: File, before: Session | None = None) -> None:
        self.is_closed = False
        self.reader = Reader(Database(file, writes=False), file.sql)
        self._writer = Writer(Database(file, writes=True), file)
        self._file = file
        self._before = before
        self._writer_thread = Worker(f"nact sqlite writer {file.path}")
        self._reader_thread = Worker(f"nact sqlite reader {file.path}")
        self._commits = GroupCommit(self._write, max_items=_MAX_ITEMS)
        self._has_tables = False
        self._in_doubt: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Opens the file, and makes its tables if they are missing."""
        if self._before is not None:
            await self._before.end_threads()
            self._before = None
        await self._open_tables()
        if self._file.is_in_doubt:
            self._doubt(self._writer.settle)

    async def aclose(self) -> None:
        """Waits for writes in flight, ends the threads, and closes the file."""
        self.is_closed = True
        await self._commits.aclose()
        await self.end_threads()

    async def end_threads(self) -> None:
        """Returns when the calls made so far have ended, and the connections are closed."""
        if self._before is not None:
            await self._before.end_threads()
        await self._reader_thread.aclose(self.reader.close)
        await self._writer_thread.aclose(self._writer.close)

    def check_open(self) -> None:
        """Returns if this session isn't closed.

        Raises:
            EngineClosedError: Otherwise.
        """
        if self.is_closed:
            raise EngineClosedError(f"the engine for {self._file.path} is closed; make a new one")

    async def write(self, item: Item, size: int = 0) -> None:
        """Returns when the item is stored, or raises its outcome."""
        try:
            await self._commits.submit(item, size=size)
        except asyncio.CancelledError:
            # It may be under way. A read that doesn't see it yet has to wait, or its answer changes afterwards.
            if self._writer_thread.is_running:
                self._doubt(self._writer.settle)
            raise

    async def read(self, function: Callable[[*Ts], R], *args: *Ts) -> R:
        """The result of a method of `reader`."""
        while self._in_doubt is not None or not self._has_tables:
            await self._settle_doubt()
            self.check_open()
            await self._open_tables()
            self.check_open()
        try:
            reading = self._reader_thread.call(function, *args)
            self.reader.expect()
            return await reading
        except EngineUnavailableError:
            self._has_tables = False  # the writer has to check that it has the same files open as others
            raise

    async def _open_tables(self) -> None:
        if not self._has_tables:
            await self._writer_thread.call(self._writer.open)
            self._has_tables = True

    def _write(self, items: Sequence[Item]) -> asyncio.Future[Sequence[Outcome]]:
        writing = self._writer_thread.call(self._writer.write, items)
        writing.add_done_callback(self._after_write)
        return writing

    def _after_write(self, writing: asyncio.Future[Sequence[Outcome]]) -> None:
        """After a failure the writer opens the file anew, which has to be anew for this process: `-shm` is shared."""
        if not writing.cancelled() and isinstance(writing.exception(), EngineUnavailableError):
            closed = threading.Event()
            if self._reader_thread.is_running:
                self._reader_thread.call(self._close_reader, closed).add_done_callback(mark_retrieved)
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
        self._in_doubt.add_done_callback(mark_retrieved)

    async def _settle_doubt(self) -> None:
        """Waits until the answer of a read stays true."""
        while (doubt := self._in_doubt) is not None:
            if doubt.done() and _failure(doubt) is not None:
                self.check_open()
                self._doubt(self._writer.settle)  # it failed for earlier reads; this one tries again
                continue
            await asyncio.wait([doubt])
            failure = _failure(doubt)
            if failure is not None:
                raise copy_for_caller(failure) from failure.__cause__
            if doubt is self._in_doubt:
                self._in_doubt = None


def _failure(done: asyncio.Future[None]) -> BaseException | None:
    return None if done.cancelled() else done.exception()
