"""Saboteurs of batches."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from nact.errors import InvalidEventError
from nact.persistence import MemoryPersistenceEngine, PersistedEvent
from nact.persistence.building.checks import check_batch
from saboteurs.conflicts import Writes
from saboteurs.sabotage import caught_by


@caught_by("B-01")
class ReversesBatches(Writes):
    """Stores the data of a batch backwards."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        await super().persist_all(events)
        if len(events) > 1:
            journal = self.journal(events[0])
            for event in events:
                stored = journal[event.sequence_number - 1]
                mirrored = events[events[-1].sequence_number - event.sequence_number]
                self.put(PersistedEvent(key=stored.key, sequence_number=stored.sequence_number, data=mirrored.data))


@caught_by("B-02")
class RefusesEmptyBatches(MemoryPersistenceEngine):
    """Finds no first event in an empty batch."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        if not events:
            raise InvalidEventError("an empty batch")
        await super().persist_all(events)


@caught_by("B-03")
class LosesBatchesOfOne(MemoryPersistenceEngine):
    """Stores a batch of one event only if it comes through persist."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        if len(events) != 1:
            await super().persist_all(events)

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist_all([event])


@caught_by("B-04")
class SkipsWhatIsTaken(MemoryPersistenceEngine):
    """Stores the rest of a batch whose first numbers are taken."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        highest = await self.highest_sequence_number(events[0].key) if events else 0
        rest = [event for event in events if event.sequence_number > highest]
        if len(events) > 1 and rest and rest[0].sequence_number == highest + 1:
            await super().persist_all(rest)
        if not rest or rest != list(events):
            await super().persist_all(events)


@caught_by("B-05")
class AcceptsBatchesAfterGaps(Writes):
    """Checks the numbers within a batch, not the one before it."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        if len(events) > 1 and (events[0].sequence_number > max(self.numbers(events[0]), default=0) + 1):
            for event in events:
                self.put(event)
        else:
            await super().persist_all(events)


@caught_by("B-06", "B-11")
class HalfStoresBatches(MemoryPersistenceEngine):
    """Stores one event after another, until one is refused."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        for event in events:
            await super().persist_all([event])


@caught_by("B-07")
class AcceptsAnyBatch(MemoryPersistenceEngine):
    """Stores whatever events a batch consists of."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        for event in events:
            await super().persist_all([event])


@caught_by("B-09")
class RecognisesBatchesByTheirFirstEvent(MemoryPersistenceEngine):
    """Takes a batch for a retry if its first event is stored."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        journal = self._storage.events.get(events[0].key, []) if events else []
        if len(events) > 1 and any(each.event_id == events[0].event_id for each in journal):
            return
        await super().persist_all(events)


@caught_by("B-10")
class CutsHugeBatches(MemoryPersistenceEngine):
    """Stores the first ten thousand events of a batch."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        await super().persist_all(events[:10_000])


@caught_by("B-11")
class StoresBatchesInParts(MemoryPersistenceEngine):
    """Commits after each thousand events."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        for start in range(0, len(events), 1000):
            await super().persist_all(events[start : start + 1000])


@caught_by("B-12", "B-13", "X-06")
class StoresBatchesOneByOne(Writes):
    """Stores one event after another, with a pause in between; what is taken it leaves to others."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        for event in events:
            if event.sequence_number not in self.numbers(event):
                await super().persist_all([event])
            await asyncio.sleep(0)
