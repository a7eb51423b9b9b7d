"""Saboteurs of journals that begin with a tombstone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from good_engines.files import Change, FileEngine
from good_engines.network import NetworkEngine

from nact.errors import EngineUnavailableError, InvalidEventError, SequenceConflictError
from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent
from nact.persistence.records import new_event_id, now_ms, tombstone
from saboteurs.conflicts import Writes
from saboteurs.sabotage import caught_by

Events = AsyncIterator[PersistedEvent]


@caught_by("A-01")
class RefusesTombstones(MemoryPersistenceEngine):
    """Says that tombstones are made by deletion alone."""

    async def persist(self, event: PersistedEvent) -> None:
        if event.is_deleted:
            raise InvalidEventError("a tombstone can't be persisted")
        await super().persist(event)


@caught_by("A-01")
class BeginsAtOne(MemoryPersistenceEngine):
    """Accepts a tombstone as the first event, which has the number 1."""

    async def persist(self, event: PersistedEvent) -> None:
        if event.is_deleted and event.sequence_number != 1:
            raise SequenceConflictError(event.key, event.sequence_number, 0)
        await super().persist(event)


@caught_by("A-01")
class StampsTombstones(MemoryPersistenceEngine):
    """Gives a tombstone the time at which it is stored."""

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(msgspec.structs.replace(event, created_at=now_ms()) if event.is_deleted else event)


@caught_by("A-01", "A-02")
class HasTombstonesOfFloats(MemoryPersistenceEngine):
    """Keeps the number of a tombstone as a 64-bit float."""

    async def persist(self, event: PersistedEvent) -> None:
        if event.is_deleted:
            number = min(int(float(event.sequence_number)), 2**63 - 1)
            event = msgspec.structs.replace(event, sequence_number=number)
        await super().persist(event)


@caught_by("A-02")
class BeginsAgainAfterATombstone(Writes):
    """Takes a journal that has nothing but a tombstone for one that begins."""

    async def persist(self, event: PersistedEvent) -> None:
        if event.sequence_number == 1 and all(each.is_deleted for each in self.journal(event)):
            self.put(event)
        else:
            await super().persist(event)


@caught_by("A-02")
class AcceptsGapsAfterATombstone(Writes):
    """Accepts any number above a tombstone."""

    async def persist(self, event: PersistedEvent) -> None:
        journal = self.journal(event)
        if journal and journal[-1].is_deleted and journal[-1].sequence_number < event.sequence_number:
            self.put(event)
        else:
            await super().persist(event)


@caught_by("A-03")
class ConflictsWithItsOwnTombstone(MemoryPersistenceEngine):
    """Doesn't recognise a tombstone that is persisted again."""

    async def persist(self, event: PersistedEvent) -> None:
        if event.is_deleted and await self.highest_sequence_number(event.key):
            raise SequenceConflictError(event.key, event.sequence_number)
        await super().persist(event)


@caught_by("A-04")
class ReplacesTombstones(Writes):
    """Replaces a tombstone with the one that comes later."""

    async def persist(self, event: PersistedEvent) -> None:
        journal = self.journal(event)
        if event.is_deleted and journal and journal[0].is_deleted:
            del journal[0]
            self.put(event)
        else:
            await super().persist(event)


@caught_by("A-05", "C-14")
class DeletesByPersisting(Writes):
    """Takes a tombstone for an order to delete up to it."""

    async def persist(self, event: PersistedEvent) -> None:
        if event.is_deleted and self.journal(event) and not self.journal(event)[0].is_deleted:
            self.journal(event)[:] = [event]
        else:
            await super().persist(event)


@caught_by("A-06")
class TakesADeletedKeyForANewOne(Writes):
    """Accepts a tombstone where no event is left."""

    async def persist(self, event: PersistedEvent) -> None:
        journal = self.journal(event)
        if event.is_deleted and journal and all(each.is_deleted for each in journal):
            journal[:] = [event]
        else:
            await super().persist(event)


@caught_by("A-08")
class AcceptsBatchesThatBeginWithATombstone(Writes):
    """Stores the tombstone that a batch begins with, and then the events."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        if len(events) > 1 and events[0].is_deleted:
            await super().persist_all(events[:1])
            events = events[1:]
        await super().persist_all(events)


@caught_by("A-09")
class StripsTombstones(MemoryPersistenceEngine):
    """Removes data, tags and metadata of a tombstone by itself."""

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(tombstone(event) if event.is_deleted else event)


@caught_by("A-10")
class LooksThenBegins(Writes):
    """Looks whether a key is new, then stores: between the two others do the same."""

    async def persist(self, event: PersistedEvent) -> None:
        if event.is_deleted and not self.journal(event):
            await asyncio.sleep(0)
            self.journal(event)[:] = [event]
        else:
            await super().persist(event)


@caught_by("A-11")
class RemembersTombstonesInTheClient(MemoryPersistenceEngine):
    """Keeps in memory which keys begin with a tombstone; other clients see no such key."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._mine: set[str] = set()

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(event)
        self._mine.add(event.key)

    async def events(self, key: str, **window: Any) -> Events:
        async for event in super().events(key, **window):
            if not event.is_deleted or key in self._mine:
                yield event


@caught_by("A-12")
class WritesTombstonesLater(FileEngine):
    """Writes a tombstone to the file together with the first event."""

    late = b""

    async def _change(self, change: Change) -> None:
        if change.events and change.events[0].is_deleted:
            await self._copy.persist_all(change.events)
            self.late += msgspec.json.encode(change) + b"\n"
        else:
            await super()._change(change)


@caught_by("A-13")
class AcknowledgesTombstonesEarly(NetworkEngine):
    """Sends a tombstone some moments after it has acknowledged it."""

    later: asyncio.Task[None] | None = None

    async def persist(self, event: PersistedEvent) -> None:
        if event.is_deleted:
            self.later = asyncio.create_task(self._send_later(event))
        else:
            await super().persist(event)

    async def _send_later(self, event: PersistedEvent) -> None:
        await asyncio.sleep(0.05)
        with suppress(EngineUnavailableError):  # it was acknowledged, so it is too late to tell
            await super().persist(event)


@caught_by("A-15")
class CountsRecords(MemoryPersistenceEngine):
    """Tells how many records there are for the highest number."""

    async def highest_sequence_number(self, key: str) -> int:
        return len(self._storage.events.get(key, []))


@caught_by("A-17")
class DeletesALoneTombstone(Writes):
    """Deletes up to a bound, the tombstone included; where no event is left it needs none."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        journal = self._storage.events.get(key, [])
        was_alone = len(journal) == 1 and journal[0].is_deleted
        await super().delete_events(key, up_to=up_to)
        if was_alone and journal[0].sequence_number <= up_to:
            self._storage.events.pop(key)


@caught_by("A-01", "A-18")
class GivesFirstTombstonesNewIds(Writes):
    """Makes a tombstone of its own in place of the one that it is given."""

    async def persist(self, event: PersistedEvent) -> None:
        is_first = event.is_deleted and not self.journal(event)
        await super().persist(msgspec.structs.replace(event, event_id=new_event_id()) if is_first else event)


@caught_by("A-19")
class CountsFromOneInWindows(MemoryPersistenceEngine):
    """Takes the number of an event for its place in the journal."""

    async def events(self, key: str, *, after: int = 0, **window: Any) -> Events:
        journal = self._storage.events.get(key, [])
        numbers = [0, *(each.sequence_number for each in journal)]
        last = numbers[min(after, len(journal))] if after else 0
        async for event in super().events(key, after=last, **window):
            yield event
