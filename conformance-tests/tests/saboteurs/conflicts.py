"""Saboteurs of sequence numbers and retries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from good_engines.memory_back_door import encoded

from nact.errors import EngineUnavailableError, SequenceConflictError
from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent
from nact.persistence.building.checks import check_batch
from saboteurs.sabotage import caught_by


class Writes(MemoryPersistenceEngine):
    """Not yet a saboteur: one that looks into the journal before it writes, and writes where it wants."""

    def journal(self, event: PersistedEvent) -> list[PersistedEvent]:
        self._check_open()
        return self._storage.events.setdefault(event.key, [])

    def numbers(self, event: PersistedEvent) -> list[int]:
        return [each.sequence_number for each in self.journal(event)]

    def put(self, event: PersistedEvent) -> None:
        """Stores the event at its number, whatever is there."""
        stored = encoded(event)
        others = [each for each in self.journal(event) if each.sequence_number != event.sequence_number]
        self.journal(event)[:] = sorted([*others, stored], key=lambda each: each.sequence_number)

    def is_stored(self, event: PersistedEvent) -> bool:
        return any(each.event_id == event.event_id for each in self.journal(event))


@caught_by("C-01")
class BeginsAnywhere(Writes):
    """Accepts any first number."""

    async def persist(self, event: PersistedEvent) -> None:
        if self.numbers(event):
            await super().persist(event)
        else:
            self.put(event)


@caught_by("C-02")
class LastWriterWins(Writes):
    """Overwrites a number that is taken."""

    async def persist(self, event: PersistedEvent) -> None:
        if event.sequence_number in self.numbers(event):
            self.put(event)
        else:
            await super().persist(event)


@caught_by("C-03")
class AcceptsGaps(Writes):
    """Accepts any number above the last."""

    async def persist(self, event: PersistedEvent) -> None:
        if self.numbers(event) and event.sequence_number > self.numbers(event)[-1]:
            self.put(event)
        else:
            await super().persist(event)


@caught_by("C-04")
class ConflictsWithoutDetails(MemoryPersistenceEngine):
    """Doesn't say which key and number were refused."""

    async def persist(self, event: PersistedEvent) -> None:
        try:
            await super().persist(event)
        except SequenceConflictError as error:
            raise SequenceConflictError("?", 0) from error


@caught_by("C-04")
class TellsAWrongHighest(MemoryPersistenceEngine):
    """Tells the number that was attempted for the journal's highest."""

    async def persist(self, event: PersistedEvent) -> None:
        try:
            await super().persist(event)
        except SequenceConflictError as error:
            raise SequenceConflictError(error.key, error.attempted, error.attempted) from error


@caught_by("C-05")
class StaysInAFailedTransaction(MemoryPersistenceEngine):
    """After a conflict refuses the next write."""

    failed = False

    async def persist(self, event: PersistedEvent) -> None:
        if self.failed:
            self.failed = False
            raise EngineUnavailableError("current transaction is aborted")
        try:
            await super().persist(event)
        except SequenceConflictError:
            self.failed = True
            raise


@caught_by("C-06", "C-07", "C-08", "B-08")
class ConflictsWithItself(MemoryPersistenceEngine):
    """Doesn't recognise a retry."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        if events and events[0].sequence_number <= await self.highest_sequence_number(events[0].key):
            raise SequenceConflictError(events[0].key, events[0].sequence_number)
        await super().persist_all(events)


@caught_by("C-06")
class RetriesIntoDuplicates(Writes):
    """Stores a retry again, under the next number."""

    async def persist(self, event: PersistedEvent) -> None:
        if self.is_stored(event):
            event = msgspec.structs.replace(event, sequence_number=self.numbers(event)[-1] + 1)
            self.put(event)
        else:
            await super().persist(event)


@caught_by("C-07")
class RecognisesOnlyTheLastEvent(Writes):
    """Recognises a retry if nothing was stored since."""

    async def persist(self, event: PersistedEvent) -> None:
        if self.is_stored(event) and self.numbers(event)[-1] != event.sequence_number:
            raise SequenceConflictError(event.key, event.sequence_number)
        await super().persist(event)


@caught_by("C-08")
class RemembersItsWritesInTheClient(Writes):
    """Recognises a retry only of what it wrote itself."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._mine: set[str] = set()

    async def persist(self, event: PersistedEvent) -> None:
        if self.is_stored(event) and event.event_id not in self._mine:
            raise SequenceConflictError(event.key, event.sequence_number)
        await super().persist(event)
        self._mine.add(event.event_id)


@caught_by("C-09")
class RecognisesRetriesByTheirData(Writes):
    """Takes an equal event for a retry."""

    async def persist(self, event: PersistedEvent) -> None:
        mine = (event.sequence_number, encoded(event).data)
        if any((each.sequence_number, each.data) == mine for each in self.journal(event)):
            return
        await super().persist(event)


@caught_by("C-10", "C-11", "C-13", "R-03")
class ReadsThenWrites(Writes):
    """Looks for the highest number, then writes: between the two others do the same."""

    async def persist(self, event: PersistedEvent) -> None:
        numbers = self.numbers(event)
        if event.sequence_number != len(numbers) + 1:
            await super().persist(event)
        await asyncio.sleep(0)
        self.put(event)


@caught_by("C-11")
class LocksWithinAClientOnly(Writes):
    """Looks, then writes, under a lock that other clients don't know."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._lock = asyncio.Lock()

    async def persist(self, event: PersistedEvent) -> None:
        async with self._lock:
            if event.sequence_number != len(self.numbers(event)) + 1:
                await super().persist(event)
                return
            await asyncio.sleep(0)
            self.put(event)


@caught_by("C-12")
class LooksForRetriesTooEarly(Writes):
    """Looks whether the event is stored already, then inserts; an own insert in between is a conflict."""

    async def persist(self, event: PersistedEvent) -> None:
        if self.is_stored(event):
            return
        await asyncio.sleep(0)
        if event.sequence_number in self.numbers(event):
            raise SequenceConflictError(event.key, event.sequence_number)
        await super().persist(event)


@caught_by("C-14", "B-15")
class StoresTombstones(Writes):
    """Stores a tombstone as an event like any other."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        await super().persist_all([msgspec.structs.replace(event, is_deleted=False) for event in events])


@caught_by("C-15")
class TrustsItsMemory(Writes):
    """Accepts the number after its own last one, whatever others stored meanwhile."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._last: dict[str, int] = {}

    async def persist(self, event: PersistedEvent) -> None:
        if self._last.get(event.key) == event.sequence_number - 1:
            self.put(event)
        else:
            await super().persist(event)
        self._last[event.key] = event.sequence_number
