"""The in-memory engine: the reference implementation of the contract, for tests. Nothing survives the process."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator, Collection, Sequence
from types import TracebackType
from typing import ClassVar, Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from nact.errors import CorruptJournalError, EngineClosedError, SequenceConflictError
from nact.persistence.building import json_data
from nact.persistence.building.checks import (
    check_batch,
    check_key,
    check_prefix,
    check_snapshot,
    check_tags,
    check_up_to,
    check_window,
)
from nact.persistence.engine import PROTOCOL_VERSION
from nact.persistence.records import MAX_SEQUENCE_NUMBER, PersistedEvent, PersistedSnapshot, tombstone

Record = TypeVar("Record", PersistedEvent, PersistedSnapshot)


class MemoryStorage:
    """The storage of in-memory engines. Engines that share one see each other's writes, like clients of one server.

    It holds data as JSON text, so that later changes to an event's data don't change the stored event.
    """

    def __init__(self) -> None:
        self.events: dict[str, list[PersistedEvent]] = {}
        self.snapshots: dict[str, dict[int, PersistedSnapshot]] = {}


_named_storages: dict[str, MemoryStorage] = {}


class MemoryPersistenceEngine:
    """Keeps journals in this process's memory, with every ability of the contract.

    Args:
        storage: The storage to keep them in; by default a new one.
    """

    durability: ClassVar[str] = "until this process ends"
    protocol_versions: ClassVar[tuple[int, ...]] = (PROTOCOL_VERSION,)  # always core's own, since it is part of core

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        self._storage = MemoryStorage() if storage is None else storage
        self._closed = False

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes this engine, but not the storage, which others may share. Can be called again."""
        self._closed = True

    # --- PersistenceEngine ---------------------------------------------------------------------------------------

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        self._check_open()
        journal = self._storage.events.get(check_key(key), [])
        wanted = set(check_tags(tags))
        check_window(after, limit)
        place = after
        while limit is None or limit > 0:
            stored = _first_after(journal, place)
            if stored is None:
                return
            if not stored.is_deleted and not wanted and stored.sequence_number != place + 1:
                raise CorruptJournalError("the events before this one are missing", key, stored.sequence_number)
            place = stored.sequence_number
            if wanted.issubset(stored.tags):
                limit = limit if limit is None else limit - 1
                yield _decoded(stored)
                self._check_open()

    async def persist(self, event: PersistedEvent) -> None:
        await self.persist_all([event])

    # --- AtomicBatches -------------------------------------------------------------------------------------------

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        self._check_open()
        check_batch(events)
        encoded = [_encoded(event) for event in events]
        if not encoded:
            return
        journal = self._storage.events.setdefault(encoded[0].key, [])
        first, highest = encoded[0].sequence_number, _highest(journal)
        if not journal if encoded[0].is_deleted else first == highest + 1:
            journal.extend(encoded)
        elif not _stored_before(journal, encoded):
            raise SequenceConflictError(encoded[0].key, first, highest)

    # --- EventDeletion, HighestSequenceNumber, KeyListing ----------------------------------------------------------

    async def delete_events(self, key: str, *, up_to: int) -> None:
        self._check_open()
        journal = self._storage.events.get(check_key(key), [])
        last = check_up_to(up_to)
        doomed = [event for event in journal if event.sequence_number <= last]
        if doomed:
            journal[: len(doomed)] = [tombstone(doomed[-1])]

    async def highest_sequence_number(self, key: str) -> int:
        self._check_open()
        return _highest(self._storage.events.get(check_key(key), []))

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        self._check_open()
        check_prefix(prefix)
        for key in [key for key, journal in self._storage.events.items() if journal]:
            if key.startswith(prefix):
                yield key

    # --- SnapshotStore ---------------------------------------------------------------------------------------------

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        self._check_open()
        kept = self._storage.snapshots.get(check_key(key), {})
        last = MAX_SEQUENCE_NUMBER if up_to is None else check_up_to(up_to)
        number = max((n for n in kept if n <= last), default=None)
        return None if number is None else _decoded(kept[number])

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        self._check_open()
        check_snapshot(snapshot)
        self._storage.snapshots.setdefault(snapshot.key, {})[snapshot.sequence_number] = _encoded(snapshot)

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        self._check_open()
        kept = self._storage.snapshots.get(check_key(key), {})
        last = check_up_to(up_to)
        for number in [n for n in kept if n <= last]:
            del kept[number]

    def _check_open(self) -> None:
        if self._closed:
            raise EngineClosedError("this in-memory engine is closed; make a new one on the same MemoryStorage")


def memory_engine_from_url(url: str) -> MemoryPersistenceEngine:
    """The engine for `memory://` (with a new storage) or `memory://name` (with one shared within the process)."""
    name = urlsplit(url).netloc
    return MemoryPersistenceEngine(_named_storages.setdefault(name, MemoryStorage()) if name else None)


def _highest(journal: list[PersistedEvent]) -> int:
    return journal[-1].sequence_number if journal else 0


def _first_after(journal: list[PersistedEvent], after: int) -> PersistedEvent | None:
    place = bisect_right(journal, after, key=_number)
    return journal[place] if place < len(journal) else None


def _number(event: PersistedEvent) -> int:
    return event.sequence_number


def _stored_before(journal: list[PersistedEvent], batch: list[PersistedEvent]) -> bool:
    """Tells whether this very batch is in the journal already: its writer missed the acknowledgement."""
    for event in batch:
        stored = _first_after(journal, event.sequence_number - 1)
        if stored is None or (stored.sequence_number, stored.event_id) != (event.sequence_number, event.event_id):
            return False
    return True


def _encoded(record: Record) -> Record:
    """The record with its data and metadata as one JSON array in `data`. A tombstone has neither."""
    if getattr(record, "is_deleted", False):
        return record
    text = b"[%b,%b]" % (json_data.encode(record.data), json_data.encode_metadata(record.metadata) or b"{}")
    return msgspec.structs.replace(record, data=text, metadata={})


def _decoded(record: Record) -> Record:
    if getattr(record, "is_deleted", False):
        return record
    try:
        data, metadata = json_data.decode(record.data)
    except (TypeError, ValueError) as error:
        raise CorruptJournalError(f"not JSON: {error}", record.key, record.sequence_number) from error
    return msgspec.structs.replace(record, data=data, metadata=metadata)
