"""The back door to the in-memory engine's storage."""

from __future__ import annotations

from bisect import insort
from typing import TypeVar

import msgspec

from nact.persistence import MemoryStorage, PersistedEvent, PersistedSnapshot
from nact.persistence.memory import _decoded, _encoded

Record = TypeVar("Record", PersistedEvent, PersistedSnapshot)


def encoded(record: Record) -> Record:
    """The record as a `MemoryStorage` holds it."""
    return _encoded(record)


def decoded(record: PersistedEvent) -> PersistedEvent:
    """The event that a `MemoryStorage` holds.

    Raises:
        CorruptJournalError: It can't be read.
    """
    return _decoded(record)


class MemoryBackDoor:
    """Changes a `MemoryStorage` directly."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage

    async def remove_event(self, key: str, sequence_number: int) -> None:
        journal = self._storage.events[key]
        journal[:] = [event for event in journal if event.sequence_number != sequence_number]

    async def garble_event(self, key: str, sequence_number: int) -> None:
        self._garble(key, sequence_number, b'{"half')

    async def garble_snapshot(self, key: str, sequence_number: int) -> None:
        kept = self._storage.snapshots[key]
        kept[sequence_number] = msgspec.structs.replace(kept[sequence_number], data=b'{"half')

    async def garble_metadata(self, key: str, sequence_number: int) -> None:
        self._garble(key, sequence_number, b'[1,{"half]')

    async def holds(self, text: str) -> bool:
        return text in repr((self._storage.events, self._storage.snapshots))

    async def plant_event(self, event: PersistedEvent) -> None:
        insort(self._storage.events.setdefault(event.key, []), encoded(event), key=lambda each: each.sequence_number)

    async def empty(self) -> None:
        self._storage.events.clear()
        self._storage.snapshots.clear()

    async def drop(self) -> None:
        await self.empty()

    def _garble(self, key: str, sequence_number: int, text: bytes) -> None:
        journal = self._storage.events[key]
        place = [event.sequence_number for event in journal].index(sequence_number)
        journal[place] = msgspec.structs.replace(journal[place], data=text)
