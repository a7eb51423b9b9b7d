"""Saboteurs of what is damaged or old: they don't see it, or see too much."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

import msgspec
from good_engines.memory_back_door import decoded

from nact.errors import CorruptJournalError
from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent, PersistedSnapshot
from saboteurs.sabotage import caught_by

Events = AsyncIterator[PersistedEvent]


class Reads(MemoryPersistenceEngine):
    """Not yet a saboteur: reads the records by itself, without a look at their numbers."""

    def read(self, record: PersistedEvent) -> PersistedEvent | None:
        return decoded(record)

    async def events(self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()) -> Events:
        for record in list(self._storage.events.get(key, [])):
            if record.sequence_number <= after or not set(tags).issubset(record.tags) or limit == 0:
                continue
            limit = None if limit is None else limit - 1
            event = self.read(record)
            if event is not None:
                yield event


@caught_by("M-01", "M-02", "M-05")
class ToleratesHoles(Reads):
    """Passes over numbers that are missing."""


@caught_by("M-03")
class SkipsWhatItCannotRead(Reads):
    """Leaves out a record that it can't read."""

    def read(self, record: PersistedEvent) -> PersistedEvent | None:
        try:
            return super().read(record)
        except CorruptJournalError:
            return None


@caught_by("M-03")
class MakesNoneOfWhatItCannotRead(Reads):
    """Yields None as the data of a record that it can't read."""

    def read(self, record: PersistedEvent) -> PersistedEvent | None:
        try:
            return super().read(record)
        except CorruptJournalError:
            return msgspec.structs.replace(record, data=None)


@caught_by("M-04")
class FailsForEveryKey(MemoryPersistenceEngine):
    """Reads nothing more when one record can't be read."""

    damaged = False

    async def events(self, key: str, **window: Any) -> Events:
        if self.damaged:
            raise CorruptJournalError("the storage is damaged", key)
        try:
            async for event in super().events(key, **window):
                yield event
        except CorruptJournalError:
            self.damaged = True
            raise


@caught_by("M-06")
class HidesOldTombstones(MemoryPersistenceEngine):
    """Yields the last tombstone only."""

    async def events(self, key: str, **window: Any) -> Events:
        last = max((each.sequence_number for each in self._storage.events.get(key, []) if each.is_deleted), default=0)
        async for event in super().events(key, **window):
            if event.sequence_number >= last:
                yield event


@caught_by("M-07")
class ReadsItsOwnRecordsOnly(MemoryPersistenceEngine):
    """Takes records of other releases for damaged."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._own: set[str] = set()

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(event)
        self._own.add(event.event_id)

    async def events(self, key: str, **window: Any) -> Events:
        async for event in super().events(key, **window):
            if event.event_id not in self._own and not event.is_deleted:
                raise CorruptJournalError("unknown format", key, event.sequence_number)
            yield event


@caught_by("M-08")
class TakesAnUnreadableSnapshotForNone(MemoryPersistenceEngine):
    """Finds no snapshot where one can't be read."""

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        try:
            return await super().latest_snapshot(key, up_to=up_to)
        except CorruptJournalError:
            return None


@caught_by("M-09")
class ChecksTheWholeJournal(MemoryPersistenceEngine):
    """Fails every window of a journal that has a hole somewhere."""

    async def events(self, key: str, **window: Any) -> Events:
        async for _ in super().events(key):
            pass
        async for event in super().events(key, **window):
            yield event
