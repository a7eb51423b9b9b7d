"""Saboteurs among processes: they acknowledge too early, or know only themselves. Each stores to a shared file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from good_engines.files import Change, FileEngine

from nact.errors import CorruptJournalError, EngineUnavailableError, SequenceConflictError
from nact.persistence import PersistedEvent
from nact.persistence.building.checks import check_batch
from saboteurs.sabotage import caught_by


@caught_by("P-01")
class LivesInMemory(FileEngine):
    """Writes to no file."""

    async def _read(self, file: BinaryIO) -> None:
        """Reads nothing."""

    async def _write(self, file: BinaryIO, line: bytes) -> None:
        """Writes nothing."""


class WritesLater(FileEngine):
    """Not yet a saboteur: keeps some kinds of changes to itself for a long time."""

    late = ""
    most = 1_000_000

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._lines: list[bytes] = []
        self._late = 0

    async def _change(self, change: Change) -> None:
        self._late = self._late + 1 if change.what == self.late else self.most
        await super()._change(change)

    async def _write(self, file: BinaryIO, line: bytes) -> None:
        self._lines.append(line)
        if self._late >= self.most:
            self._late = 0
            await super()._write(file, b"".join(self._lines))
            self._lines.clear()


@caught_by("P-02")
class BuffersEvents(WritesLater):
    """Writes events a million at a time, and acknowledges each at once."""

    late = "persist"


@caught_by("P-04")
class BuffersSnapshots(WritesLater):
    """Writes snapshots a million at a time, and acknowledges each at once."""

    late = "take"


@caught_by("P-05")
class BuffersDeletions(WritesLater):
    """Writes deletions a million at a time, and acknowledges each at once."""

    late = "delete"


@caught_by("P-03")
class WritesBatchesInParts(FileEngine):
    """Writes a batch as several records: a process that dies leaves some of them."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        for start in range(0, len(events), 5):
            await super().persist_all(events[start : start + 5])
            time.sleep(0.002)  # noqa: ASYNC251


@caught_by("P-06", "P-07")
class LocksNothing(FileEngine):
    """Reads the file's end, and writes there, while others do the same."""

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        with self._path.open("ab+") as file:
            yield file

    async def _write(self, file: BinaryIO, line: bytes) -> None:
        time.sleep(0.002)  # noqa: ASYNC251
        file.write(line)
        file.flush()


@caught_by("P-08")
class CreatesItsFileOnce(FileEngine):
    """Fails if another process creates the file at the same time."""

    async def _change(self, change: Change) -> None:
        if not self._path.exists():
            time.sleep(0.1)  # noqa: ASYNC251
            try:
                self._path.open("xb").close()
            except FileExistsError as error:
                raise EngineUnavailableError("the file exists already") from error
        await super()._change(change)


@caught_by("P-09")
class ForgetsTheIdsOfOthers(FileEngine):
    """Recognises a retry only of what it wrote itself."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._mine: set[str] = set()

    async def persist(self, event: PersistedEvent) -> None:
        found = [each async for each in self.events(event.key, after=event.sequence_number - 1, limit=1)]
        if found and event.event_id not in self._mine:
            raise SequenceConflictError(event.key, event.sequence_number)
        await super().persist(event)
        self._mine.add(event.event_id)


@caught_by("P-10")
class LeavesALockFile(FileEngine):
    """Locks by a file that it makes, and that stays if its process is killed."""

    async def _change(self, change: Change) -> None:
        lock = Path(f"{self._path}.lock")
        while True:
            try:
                lock.open("xb").close()  # noqa: ASYNC230
                break
            except FileExistsError:
                await asyncio.sleep(0.001)
        await super()._change(change)
        await asyncio.sleep(0.02)
        lock.unlink()  # noqa: ASYNC240


@caught_by("P-11")
class ReadsWhatIsHalfWritten(FileEngine):
    """Doesn't lock the file to read it, and takes half of a line that is being written for a broken one."""

    async def _catch_up(self) -> None:
        with self._path.open("ab+") as file:
            await self._read(file)
            file.seek(self._read_to)
            if file.read():
                raise CorruptJournalError("its last line has no end", "")

    async def _write(self, file: BinaryIO, line: bytes) -> None:
        half = len(line) // 2
        file.seek(self._read_to)
        file.write(line[:half])
        file.flush()
        time.sleep(0.002)  # noqa: ASYNC251
        await super()._write(file, line)
