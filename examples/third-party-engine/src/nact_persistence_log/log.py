"""The file: a line for each batch, and an index in memory that tells where each key's batches are.

A line is a checksum, a blank, a batch as JSON, and a line end. Lines are only ever added, under a lock of the file.
Who looks for new ones shares that lock, and so never sees half of a line that is being written; whole lines are read
without it. A line without an end is what a killed writer left: nobody was told that it is stored.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

import msgspec

from nact.errors import CorruptJournalError, EngineUnavailableError, SequenceConflictError
from nact.persistence import PersistedEvent
from nact.persistence.building.errors import engine_unavailable
from nact.persistence.building.group_commit import Outcome

T = TypeVar("T")


class Batch(msgspec.Struct):
    """What a line holds."""

    key: str
    first: int
    last: int
    events: list[PersistedEvent]


class Head(msgspec.Struct):
    """What the index needs of it."""

    key: str
    first: int
    last: int


class Place(NamedTuple):
    """Where in the file a batch is."""

    first: int
    last: int
    start: int
    size: int


class Log:
    """The file and its index. Every method blocks; one thread calls them, one after another."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._was_open = False
        self._places: dict[str, list[Place]] = {}
        self._end = 0

    def append(self, batches: Sequence[Sequence[PersistedEvent]]) -> list[Outcome]:
        """Stores the batches with one write, and tells for each what became of it."""
        with self._locked(fcntl.LOCK_EX) as file:
            self._catch_up(file)
            lines: list[bytes] = []
            try:
                outcomes = [self._accept(batch, lines) for batch in batches]
                if lines:
                    self._write(file, b"".join(lines))
            except BaseException:
                self._forget()  # the index may have lines that the file hasn't
                raise
        return outcomes

    def read(self, key: str, after: int, count: int) -> list[PersistedEvent]:
        """At least `count` events above `after`, or all that there are."""
        file = self._caught_up()
        found: list[PersistedEvent] = []
        for place in self._behind(key, after):
            found += [event for event in self._batch(file, key, place) if event.sequence_number > after]
            if len(found) >= count:
                break
        return found

    def highest(self, key: str) -> int:
        """The key's last number."""
        self._caught_up()
        return self._highest(key)

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so."""
        self._caught_up()
        return [key for key in self._places if key.startswith(prefix)]

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, file: BinaryIO, text: bytes) -> None:
        os.ftruncate(file.fileno(), self._end - len(text))
        file.write(text)
        file.flush()
        os.fsync(file.fileno())

    def _accept(self, batch: Sequence[PersistedEvent], lines: list[bytes]) -> Outcome:
        """Adds the batch's line, and its place to the index, if its numbers are the next ones."""
        key, first, last = batch[0].key, batch[0].sequence_number, batch[-1].sequence_number
        highest = self._highest(key)
        if first != highest + 1:
            places = self._behind(key, first - 1)
            stored = {named(event) for place in places for event in self._stored(key, place, lines)}
            if stored.issuperset(map(named, batch)):
                os.fsync(self._opened().fileno())  # whoever wrote it may have died before it was synced
                return None
            return SequenceConflictError(key, first, highest)
        text = msgspec.json.encode(Batch(key, first, last, list(batch)))
        lines.append(b"%08x %s\n" % (zlib.crc32(text), text))
        self._places.setdefault(key, []).append(Place(first, last, self._end, len(lines[-1])))
        self._end += len(lines[-1])
        return None

    def _stored(self, key: str, place: Place, lines: Sequence[bytes]) -> list[PersistedEvent]:
        """The events at a place, which may be one of the lines that aren't written yet."""
        start = self._end
        for line in reversed(lines):
            start -= len(line)
            if start == place.start:
                return decoded(line, Batch).events
        return self._batch(self._opened(), key, place)

    def _batch(self, file: BinaryIO, key: str, place: Place) -> list[PersistedEvent]:
        line = os.pread(file.fileno(), place.size, place.start)
        return decoded(line, Batch, key, place.first).events

    def _behind(self, key: str, after: int) -> Iterator[Place]:
        places = self._places.get(key, [])
        return (place for place in places if place.last > after)

    def _highest(self, key: str) -> int:
        places = self._places.get(key)
        return places[-1].last if places else 0

    def _caught_up(self) -> BinaryIO:
        with self._locked(fcntl.LOCK_SH) as file:
            self._catch_up(file)
        return file

    def _catch_up(self, file: BinaryIO) -> None:
        """Puts the lines that other processes added into the index."""
        file.seek(self._end)
        for line in file:
            if line.endswith(b"\n"):
                head = decoded(line, Head)
                self._places.setdefault(head.key, []).append(Place(head.first, head.last, self._end, len(line)))
                self._end += len(line)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            if self._was_open and not self._path.exists():
                raise EngineUnavailableError(f"{self._path} isn't there any more; put it back")
            self._file = self._path.open("a+b")
            self._was_open = True
            folder = os.open(self._path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        return self._file

    @contextmanager
    def _locked(self, kind: int) -> Iterator[BinaryIO]:
        file = self._opened()
        fcntl.flock(file, kind)
        try:
            self._check_unmoved(file)
            yield file
            self._check_unmoved(file, outcome_known=False)
        finally:
            if not file.closed:
                fcntl.flock(file, fcntl.LOCK_UN)

    def _check_unmoved(self, file: BinaryIO, *, outcome_known: bool = True) -> None:
        """The name must lead to the file that is open, and nothing of it may be gone, or what is added is lost."""
        mine = os.fstat(file.fileno())
        try:
            named = self._path.stat()
        except FileNotFoundError:
            named = None
        if named is None or not os.path.samestat(mine, named) or mine.st_size < self._end:
            self._forget()
            raise engine_unavailable(
                f"{self._path} was removed, replaced or shortened while it was open", outcome_known=outcome_known
            )

    def _forget(self) -> None:
        self.close()
        self._places, self._end = {}, 0


def decoded(line: bytes, kind: type[T], key: str | None = None, number: int | None = None) -> T:
    """What the line holds, if it is whole."""
    try:
        checksum, text = line.split(b" ", 1)
        if int(checksum, 16) != zlib.crc32(text[:-1]):
            raise CorruptJournalError("the checksum of a batch is wrong", key, number)
        return msgspec.json.decode(text, type=kind)
    except ValueError as error:
        raise CorruptJournalError(f"a line isn't a batch: {error}", key, number) from error


def named(event: PersistedEvent) -> tuple[int, str]:
    """What tells a retry from another writer's event."""
    return event.sequence_number, event.event_id
