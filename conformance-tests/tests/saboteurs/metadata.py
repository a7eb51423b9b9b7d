"""Saboteurs of metadata: they alter, mix, lose or keep what is said about an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from good_engines.files import Change, FileEngine
from good_engines.memory_back_door import decoded, encoded

from nact.errors import CorruptJournalError, InvalidEventError
from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent, PersistedSnapshot
from nact.persistence.building.checks import check_batch
from nact.persistence.building.group_commit import Outcome
from saboteurs.conflicts import Writes
from saboteurs.corruption import Reads
from saboteurs.exactness import everywhere
from saboteurs.isolation import Groups
from saboteurs.journal import Replays
from saboteurs.sabotage import caught_by

Events = AsyncIterator[PersistedEvent]
Found = PersistedSnapshot | None


def with_metadata(event: PersistedEvent, metadata: Any) -> PersistedEvent:
    """The event with other metadata, also such as no event should have."""
    changed = msgspec.structs.replace(event, metadata={})
    msgspec.structs.force_setattr(changed, "metadata", metadata)
    return changed


class Notes(Replays):
    """Not yet a saboteur: one that can change the metadata that is read."""

    def noted(self, event: PersistedEvent) -> Any:
        return event.metadata

    async def events(self, key: str, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            yield with_metadata(event, self.noted(event))


@caught_by("N-01")
class HasMetadataOfFloats(Notes):
    """Gives 1.0 for 1."""

    def noted(self, event: PersistedEvent) -> Any:
        return everywhere(lambda value: float(value) if type(value) is int else value, event.metadata)


@caught_by("N-01", "N-12")
class HasMetadataForSnapshotsOnly(Notes):
    """Stores metadata of snapshots, and drops that of events."""

    def noted(self, event: PersistedEvent) -> Any:
        return {}


@caught_by("N-02")
class MakesPathsOfNames(Notes):
    """Replaces dots in the names of metadata."""

    def noted(self, event: PersistedEvent) -> Any:
        return {name.replace(".", "_"): value for name, value in event.metadata.items()}


@caught_by("N-03", "N-06", "N-11", "N-15")
class GivesNoneForEmptyMetadata(Notes):
    """Gives what the column holds where there is no metadata."""

    def noted(self, event: PersistedEvent) -> Any:
        return event.metadata or None


@caught_by("N-03")
class MergesMetadataWithThatOfTheLast(Writes):
    """Updates one dict for all events of a key."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._merged: dict[str, dict[str, Any]] = {}

    async def persist(self, event: PersistedEvent) -> None:
        merged = {**self._merged.get(event.key, {}), **event.metadata}
        await super().persist(msgspec.structs.replace(event, metadata=merged))
        self._merged[event.key] = merged


@caught_by("N-04", "N-19")
class TrustsItsEncoderWithMetadata(MemoryPersistenceEngine):
    """Stores what an encoder makes of NaN, tuples and int keys."""

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(msgspec.structs.replace(event, metadata=_encoded_anyhow(event.metadata)))

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        await super().take_snapshot(msgspec.structs.replace(snapshot, metadata=_encoded_anyhow(snapshot.metadata)))


def _encoded_anyhow(metadata: Any) -> Any:
    try:
        return msgspec.json.decode(msgspec.json.encode(metadata))
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise InvalidEventError(str(error)) from error


@caught_by("N-05")
class DropsMetadataThatItCannotHold(MemoryPersistenceEngine):
    """Stores an event without its metadata, if that is large or has a NUL."""

    async def persist(self, event: PersistedEvent) -> None:
        text = repr(event.metadata)
        is_held = len(text) < 100_000 and "\\x00" not in text
        await super().persist(event if is_held else msgspec.structs.replace(event, metadata={}))


@caught_by("N-06")
class ReplacesMetadataOnARetry(Writes):
    """Writes the metadata of a retry over that of the event."""

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(event)
        self.put(event)


@caught_by("N-07")
class LosesMetadataInBatches(MemoryPersistenceEngine):
    """Has a bulk statement without the column."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        if len(events) > 1:
            events = [msgspec.structs.replace(event, metadata={}) for event in events]
        await super().persist_all(events)


@caught_by("N-07")
class ShiftsMetadataInBatches(MemoryPersistenceEngine):
    """Leaves out empty metadata of a batch, and so gives events that of those after them."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        if len(events) > 1:
            noted = [event.metadata for event in events if event.metadata]
            noted += [{}] * (len(events) - len(noted))
            pairs = zip(events, noted, strict=True)
            events = [msgspec.structs.replace(event, metadata=metadata) for event, metadata in pairs]
        await super().persist_all(events)


@caught_by("N-08")
class EncodesMetadataOneByOne(MemoryPersistenceEngine):
    """Finds metadata that is no JSON when the events before it are stored."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        for event in events:
            await super().persist_all([event])


@caught_by("N-09")
class SharesMetadataInAGroup(Groups):
    """Gives everything that is written together the metadata of the first."""

    async def write(self, batch: Sequence[Sequence[PersistedEvent]]) -> Sequence[Outcome]:
        metadata = batch[0][0].metadata
        for events in batch:
            shared = [msgspec.structs.replace(event, metadata=metadata) for event in events]
            await MemoryPersistenceEngine.persist_all(self, shared)
        return [None] * len(batch)


@caught_by("N-10")
class EncodesMetadataLater(MemoryPersistenceEngine):
    """Encodes metadata when its turn comes, in which the caller's dict may be another."""

    async def persist(self, event: PersistedEvent) -> None:
        encoded(event)  # refuses what isn't JSON
        await asyncio.sleep(0)
        await super().persist(event)


@caught_by("N-11")
class SharesOneDict(Notes):
    """Gives all events without metadata the same dict."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._none: dict[str, Any] = {}

    def noted(self, event: PersistedEvent) -> Any:
        return event.metadata or self._none


@caught_by("N-11")
class KeepsReferencesToMetadata(Notes):
    """Gives back the very dict that it was given."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._given: dict[str, Any] = {}

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(event)
        self._given[event.event_id] = event.metadata

    def noted(self, event: PersistedEvent) -> Any:
        return self._given.get(event.event_id, event.metadata)


@caught_by("N-12")
class KeepsMetadataToItself(Notes):
    """Has metadata in a cache that no other client sees."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._own: set[str] = set()

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(event)
        self._own.add(event.event_id)

    def noted(self, event: PersistedEvent) -> Any:
        return event.metadata if event.event_id in self._own else {}


@caught_by("N-13")
class WritesNoMetadata(FileEngine):
    """Writes events to the file without their metadata."""

    async def _write(self, file: Any, line: bytes) -> None:
        change = msgspec.json.decode(line, type=Change)
        bare = [msgspec.structs.replace(event, metadata={}) for event in change.events]
        await super()._write(file, msgspec.json.encode(msgspec.structs.replace(change, events=bare)) + b"\n")


@caught_by("N-14")
class SelectsNoMetadataByTags(MemoryPersistenceEngine):
    """Has a statement for tags without the column."""

    async def events(self, key: str, **window: Any) -> Events:
        async for event in super().events(key, **window):
            yield with_metadata(event, {}) if window.get("tags") else event


@caught_by("N-14")
class LosesMetadataInLaterWindows(MemoryPersistenceEngine):
    """Reads metadata only from the beginning on."""

    async def events(self, key: str, *, after: int = 0, **window: Any) -> Events:
        async for event in super().events(key, after=after, **window):
            yield with_metadata(event, {}) if after else event


@caught_by("N-15", "N-16")
class KeepsTheMetadataOfTombstones(MemoryPersistenceEngine):
    """Deletes data and tags, and nothing else."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        noted = {event.sequence_number: event.metadata async for event in self.events(key)}
        await super().delete_events(key, up_to=up_to)
        journal = self._storage.events.get(key, [])
        if journal and journal[0].is_deleted:
            journal[0] = msgspec.structs.replace(journal[0], metadata=noted[journal[0].sequence_number])


@caught_by("N-16")
class ArchivesDeletedMetadata(MemoryPersistenceEngine):
    """Moves metadata of deleted events to another place in the storage."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        doomed = [event.metadata async for event in self.events(key) if event.sequence_number <= up_to]
        archived = PersistedSnapshot(key=f"deleted from {key}", sequence_number=up_to, data=doomed)
        await self.take_snapshot(archived)
        await super().delete_events(key, up_to=up_to)


@caught_by("N-17")
class HasMetadataForEventsOnly(MemoryPersistenceEngine):
    """Stores metadata of events, and drops that of snapshots."""

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        await super().take_snapshot(msgspec.structs.replace(snapshot, metadata={}))


@caught_by("N-18")
class KeepsTheMetadataOfTheFirst(MemoryPersistenceEngine):
    """Replaces data and time of a snapshot whose number it has, but not its metadata."""

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        kept = await self.latest_snapshot(snapshot.key, up_to=snapshot.sequence_number)
        if kept is not None and kept.sequence_number == snapshot.sequence_number:
            snapshot = msgspec.structs.replace(snapshot, metadata=kept.metadata)
        await super().take_snapshot(snapshot)


@caught_by("N-20")
class KeepsTheLivingMetadata(MemoryPersistenceEngine):
    """Gives back the very metadata that a snapshot was taken with."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._living: dict[tuple[str, int], Any] = {}

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        await super().take_snapshot(snapshot)
        self._living[snapshot.key, snapshot.sequence_number] = snapshot.metadata

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> Found:
        found = await super().latest_snapshot(key, up_to=up_to)
        return found and msgspec.structs.replace(found, metadata=self._living[key, found.sequence_number])


@caught_by("N-21")
class TakesUnreadableMetadataForNone(Reads):
    """Yields an event without metadata where that can't be read."""

    def read(self, record: PersistedEvent) -> PersistedEvent | None:
        try:
            return decoded(record)
        except CorruptJournalError:
            return msgspec.structs.replace(record, data=record.sequence_number)


@caught_by("N-22")
class InventsMetadataOfOlderWriters(KeepsMetadataToItself):
    """Says that it doesn't know where there is no metadata."""

    def noted(self, event: PersistedEvent) -> Any:
        return event.metadata if event.event_id in self._own else {"by": "unknown"}
