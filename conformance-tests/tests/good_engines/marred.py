"""The back door to the in-memory engine's storage."""

from __future__ import annotations

from bisect import insort

import msgspec

from nact.persistence import MemoryStorage, PersistedEvent
from nact.persistence.building import json_data


class MemoryBackDoor:
    """Changes a `MemoryStorage` directly."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage

    async def remove_event(self, key: str, sequence_number: int) -> None:
        journal = self._storage.events[key]
        journal[:] = [event for event in journal if event.sequence_number != sequence_number]

    async def garble_event(self, key: str, sequence_number: int) -> None:
        journal = self._storage.events[key]
        garbled = (msgspec.structs.replace(each, data=b'{"half') for each in journal)
        journal[:] = [
            bad if bad.sequence_number == sequence_number else good for bad, good in zip(garbled, journal, strict=True)
        ]

    async def garble_snapshot(self, key: str, sequence_number: int) -> None:
        kept = self._storage.snapshots[key]
        kept[sequence_number] = msgspec.structs.replace(kept[sequence_number], data=b'{"half')

    async def plant_event(self, event: PersistedEvent) -> None:
        data = None if event.is_deleted else json_data.encode(event.data)
        planted = msgspec.structs.replace(event, data=data)
        insort(self._storage.events.setdefault(event.key, []), planted, key=lambda each: each.sequence_number)

    async def empty(self) -> None:
        self._storage.events.clear()
        self._storage.snapshots.clear()

    async def drop(self) -> None:
        await self.empty()
