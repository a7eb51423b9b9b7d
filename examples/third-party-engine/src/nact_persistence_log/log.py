"""The file: a line for each batch, and an index in memory that tells where each key's batches are.

A line is a checksum, a blank, a batch as JSON, and a line end. Lines are only ever added, under a lock of the file. A
reader shares that lock while it looks for new lines, and so never sees half of one; it reads whole lines without the
lock. A line without an end is what a killed writer left. Its writer was never told that it is stored.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self, TypeVar

import msgspec

from nact.errors import CorruptJournalError, EngineUnavailableError, InvalidEventError, SequenceConflictError
from nact.persistence import PersistedEvent
from nact.persistence.building import json_data
from nact.persistence.building.errors import engine_unavailable
from nact.persistence.building.group_commit import Outcome


class Head(msgspec.Struct):
    """The part of a batch that the index needs."""

    key: str
    first: int
    last: int


class Batch(Head):
    """The content of a line."""

    events: list[PersistedEvent]


B = TypeVar("B", bound=Head)


class Line(NamedTuple):
    """A batch, and its text."""

    batch: Batch
    text: bytes

    @classmethod
    def of(cls, events: Sequence[PersistedEvent]) -> Self:
        """The line of these events.

        Raises:
            InvalidEventError: They can't be stored exactly.
        """
        for event in events:
            json_data.check(event.data)
            json_data.encode_metadata(event.metadata)
        batch = Batch(events[0].key, events[0].sequence_number, events[-1].sequence_number, list(events))
        text = msgspec.json.encode(batch)
        return cls(batch, b"%08x %s\n" % (zlib.crc32(text), text))


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

    def append(self, lines: Sequence[Line]) -> list[Outcome]:
        """Stores the lines with one fsync, and returns an outcome for each."""
        with self._locked(fcntl.LOCK_EX) as file:
            self._catch_up(file)
            try:
                file.truncate(self._end)  # what a killed writer left
                outcomes = [self._accept(file, line) for line in lines]
                file.flush()
                os.fsync(file.fileno())  # also for a retry: the first writer may have died before its fsync
            except BaseException:
                self._forget()  # the index may have lines that the file lacks
                raise
        return outcomes

    def read(self, key: str, after: int, count: int) -> list[PersistedEvent]:
        """At least `count` events above `after`, or all that there are."""
        found: list[PersistedEvent] = []
        with self._locked(fcntl.LOCK_SH) as file:
            self._catch_up(file)
        for place in self._places_after(key, after):
            found += [event for event in self._stored(file, key, place) if event.sequence_number > after]
            if len(found) >= count:
                break
        return found

    def highest(self, key: str) -> int:
        """The key's last number."""
        with self._locked(fcntl.LOCK_SH) as file:
            self._catch_up(file)
        return self._highest(key)

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin with the prefix."""
        with self._locked(fcntl.LOCK_SH) as file:
            self._catch_up(file)
        return [key for key in self._places if key.startswith(prefix)]

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _accept(self, file: BinaryIO, line: Line) -> Outcome:
        """Writes the line if its batch is the next of its key."""
        batch, highest = line.batch, self._highest(line.batch.key)
        follows = highest == 0 if batch.events[0].is_deleted else batch.first == highest + 1
        if follows:
            file.write(line.text)
            self._note(batch, len(line.text))
            return None
        file.flush()  # the event that this one repeats may be of the same group commit
        places = self._places_after(batch.key, batch.first - 1)
        try:
            stored = {identity(event) for place in places for event in self._stored(file, batch.key, place)}
        except CorruptJournalError as error:
            return error
        if stored.issuperset(map(identity, batch.events)):
            return None
        return SequenceConflictError(batch.key, batch.first, highest)

    def _note(self, batch: Head, size: int) -> None:
        self._places.setdefault(batch.key, []).append(Place(batch.first, batch.last, self._end, size))
        self._end += size

    def _catch_up(self, file: BinaryIO) -> None:
        """Puts the lines that other processes added into the index."""
        file.seek(self._end)
        for line in file:
            if line.endswith(b"\n"):
                self._note(decoded(line, Head), len(line))

    def _stored(self, file: BinaryIO, key: str, place: Place) -> list[PersistedEvent]:
        line = os.pread(file.fileno(), place.size, place.start)
        return decoded(line, Batch, key, place.first).events

    def _places_after(self, key: str, after: int) -> Iterator[Place]:
        return (place for place in self._places.get(key, ()) if place.last > after)

    def _highest(self, key: str) -> int:
        places = self._places.get(key)
        return places[-1].last if places else 0

    @contextmanager
    def _locked(self, kind: int) -> Iterator[BinaryIO]:
        file = self._opened()
        fcntl.flock(file, kind)
        try:
            self._check_unmoved(file)
            yield file
            self._check_unmoved(file, outcome_known=kind == fcntl.LOCK_SH)
        finally:
            if not file.closed:
                fcntl.flock(file, fcntl.LOCK_UN)

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

    def _check_unmoved(self, file: BinaryIO, *, outcome_known: bool = True) -> None:
        """Returns if the path leads to the open file, and the file isn't shorter: else new lines would be lost."""
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


def decoded(line: bytes, kind: type[B], key: str | None = None, number: int | None = None) -> B:
    """The content of a line that is whole."""
    try:
        checksum, text = line.split(b" ", 1)
        if int(checksum, 16) != zlib.crc32(text[:-1]):
            raise CorruptJournalError("the checksum of a batch is wrong", key, number)
        return msgspec.json.decode(text, type=kind)
    except (ValueError, InvalidEventError) as error:
        raise CorruptJournalError(f"a line isn't a batch: {error}", key, number) from error


def identity(event: PersistedEvent) -> tuple[int, str]:
    """Tells a retry from another writer's event."""
    return event.sequence_number, event.event_id
