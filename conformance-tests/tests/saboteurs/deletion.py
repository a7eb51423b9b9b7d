"""Saboteurs of deletion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from nact.errors import SequenceConflictError
from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent
from nact.persistence.records import new_event_id, tombstone
from saboteurs.conflicts import Writes
from saboteurs.journal import Replays
from saboteurs.sabotage import caught_by

Events = AsyncIterator[PersistedEvent]


class Deletes(Writes):
    """Not yet a saboteur: one that deletes by hand."""

    def of(self, key: str) -> list[PersistedEvent]:
        self._check_open()
        return self._storage.events.get(key, [])


@caught_by("D-01")
class DeletesWithoutATombstone(Deletes):
    """Leaves a gap."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        journal = self.of(key)
        journal[:] = [event for event in journal if event.sequence_number > up_to]


@caught_by("D-01")
class KeepsTheDataOfTombstones(Deletes):
    """Marks the last event as deleted, and keeps its data and tags."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        kept = [event for event in self.of(key) if event.sequence_number <= up_to][-1:]
        await super().delete_events(key, up_to=up_to)
        for event in kept:
            self.of(key)[0] = msgspec.structs.replace(event, is_deleted=True)


@caught_by("D-02", "H-03")
class BeginsAgainWhenEmptied(Deletes):
    """Forgets a key whose events are all deleted."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        await super().delete_events(key, up_to=up_to)
        if all(event.is_deleted for event in self.of(key)):
            self._storage.events.pop(key, None)


@caught_by("D-03")
class InventsTheNumberThatWasAskedFor(Deletes):
    """Puts the tombstone at the number that was asked for, though no event had it."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        await super().delete_events(key, up_to=up_to)
        journal = self.of(key)
        if journal and journal[-1].sequence_number < up_to:
            journal[:] = [msgspec.structs.replace(journal[-1], sequence_number=up_to)]


@caught_by("D-04")
class DeletesItsTombstone(Deletes):
    """Removes the tombstone when it deletes again."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        journal = self.of(key)
        if journal and journal[0].is_deleted and journal[0].sequence_number == up_to:
            del journal[0]
        await super().delete_events(key, up_to=up_to)


@caught_by("D-04", "A-17")
class MovesItsTombstoneBack(Deletes):
    """Puts the tombstone at the number of the last deletion, even if that is lower."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        await super().delete_events(key, up_to=up_to)
        journal = self.of(key)
        if up_to and journal and journal[0].is_deleted and journal[0].sequence_number > up_to:
            journal[0] = msgspec.structs.replace(journal[0], sequence_number=up_to)


@caught_by("D-05")
class LeavesATombstoneForEachDeletion(Deletes):
    """Keeps the tombstones of earlier deletions."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        before = [event for event in self.of(key) if event.is_deleted and event.sequence_number < up_to]
        await super().delete_events(key, up_to=up_to)
        self.of(key)[:0] = [event for event in before if event not in self.of(key)]


@caught_by("D-06")
class PlantsTombstonesInUnknownKeys(Deletes):
    """Deletes, and leaves a tombstone, where nothing was."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        await super().delete_events(key, up_to=up_to)
        if not self.of(key) and up_to:
            dead = PersistedEvent(key=key, sequence_number=up_to, data=None, is_deleted=True)
            self._storage.events[key] = [dead]


@caught_by("D-07")
class DeletesByPrefix(Deletes):
    """Deletes in all keys that begin so."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        for other in list(self._storage.events):
            if other.startswith(key.rstrip("%*")):
                await super().delete_events(other, up_to=up_to)


@caught_by("D-08", "A-19")
class YieldsTombstonesInEveryWindow(Replays):
    """Yields the tombstone also when the window begins after it."""

    async def events(self, key: str, *, after: int = 0, **window: Any) -> Events:
        journal = self._storage.events.get(key, [])
        if after and journal and journal[0].is_deleted and after >= journal[0].sequence_number:
            yield journal[0]
        for event in await self.whole(key, after=after, **window):
            yield event


@caught_by("D-09")
class UsesDeletedNumbersAgain(Deletes):
    """Accepts a number that is free because its event was deleted."""

    async def persist(self, event: PersistedEvent) -> None:
        journal = self.of(event.key)
        if journal and journal[0].is_deleted and event.sequence_number < journal[0].sequence_number:
            self.put(event)
        else:
            await super().persist(event)


@caught_by("D-10")
class DeletesForItselfOnly(Deletes):
    """Keeps in memory what it deleted; other clients see it all."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._deleted: dict[str, int] = {}

    async def delete_events(self, key: str, *, up_to: int) -> None:
        self._deleted[key] = min(up_to, await self.highest_sequence_number(key))

    async def events(self, key: str, **window: Any) -> Events:
        async for event in super().events(key, **window):
            if event.sequence_number == self._deleted.get(key):
                yield tombstone(event)
            elif event.sequence_number > self._deleted.get(key, 0):
                yield event


@caught_by("D-11")
class EndsWhereSomethingWasDeleted(MemoryPersistenceEngine):
    """Takes the hole that a deletion makes in front of a replay for the end."""

    async def events(self, key: str, *, after: int = 0, **window: Any) -> Events:
        last = None
        async for event in super().events(key, after=after, **window):
            if last is not None and event.sequence_number != last + 1:
                return
            last = event.sequence_number
            yield event


@caught_by("D-12")
class BringsBackWhatIsRetried(Deletes):
    """Stores the retry of a deleted event again."""

    async def persist(self, event: PersistedEvent) -> None:
        journal = self.of(event.key)
        if journal and journal[0].is_deleted and event.event_id == journal[0].event_id:
            self.put(event)
        else:
            await super().persist(event)


@caught_by("D-13")
class WritesBackWhatItRead(Deletes):
    """Reads the journal, deletes in its copy, and writes that back: what came meanwhile is lost."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        copy = list(self.of(key))
        await asyncio.sleep(0)
        doomed = [event for event in copy if event.sequence_number <= up_to]
        if doomed:
            self.of(key)[:] = [tombstone(doomed[-1]), *copy[len(doomed) :]]


@caught_by("D-14")
class TagsItsTombstones(Deletes):
    """Keeps the tags of what it deletes."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        kept = [event for event in self.of(key) if event.sequence_number <= up_to][-1:]
        await super().delete_events(key, up_to=up_to)
        for event in kept:
            self.of(key)[0] = msgspec.structs.replace(self.of(key)[0], tags=event.tags)


@caught_by("D-15", "A-07")
class CountsLivingEventsForBatches(Deletes):
    """Expects a batch to begin after the number of events that are left."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        if len(events) > 1 and self.of(events[0].key) and self.of(events[0].key)[0].is_deleted:
            living = [event for event in self.of(events[0].key) if not event.is_deleted]
            if events[0].sequence_number != len(living) + 1:
                raise SequenceConflictError(events[0].key, events[0].sequence_number)
            for event in events:
                self.put(event)
        else:
            await super().persist_all(events)


@caught_by("D-16")
class DeletesOnePage(Deletes):
    """Deletes five hundred events at most."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        journal = self.of(key)
        if len(journal) > 500:
            up_to = min(up_to, journal[499].sequence_number)
        await super().delete_events(key, up_to=up_to)


@caught_by("D-17")
class GivesTombstonesNewIds(MemoryPersistenceEngine):
    """Leaves a tombstone with an id of its own."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        await super().delete_events(key, up_to=up_to)
        journal = self._storage.events.get(key, [])
        if journal and journal[0].is_deleted:
            journal[0] = msgspec.structs.replace(journal[0], event_id=new_event_id())


@caught_by("D-18")
class DeletesNothingBelowALargeBound(MemoryPersistenceEngine):
    """Takes a bound as 64 bits with a sign, so that a large one is negative."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        await super().delete_events(key, up_to=-1 if up_to >= 2**63 else up_to)
