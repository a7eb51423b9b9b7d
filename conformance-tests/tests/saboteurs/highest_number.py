"""Saboteurs of the highest sequence number."""

from __future__ import annotations

from collections.abc import AsyncIterator

from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent
from saboteurs.sabotage import caught_by

Events = AsyncIterator[PersistedEvent]


@caught_by("H-01")
class ComparesNumbersAsText(MemoryPersistenceEngine):
    """Takes 9 for higher than 10."""

    async def highest_sequence_number(self, key: str) -> int:
        journal = self._storage.events.get(key, [])
        return int(max((str(event.sequence_number) for event in journal), default="0"))


@caught_by("H-02")
class CountsWhatItRefused(MemoryPersistenceEngine):
    """Counts a number as soon as it is asked for."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._asked: dict[str, int] = {}

    async def persist(self, event: PersistedEvent) -> None:
        self._asked[event.key] = max(event.sequence_number, self._asked.get(event.key, 0))
        await super().persist(event)

    async def highest_sequence_number(self, key: str) -> int:
        return self._asked.get(key, 0)


@caught_by("H-03", "A-15")
class CountsLivingEvents(MemoryPersistenceEngine):
    """Tells the highest number of those that aren't deleted."""

    async def highest_sequence_number(self, key: str) -> int:
        journal = self._storage.events.get(key, [])
        return max((event.sequence_number for event in journal if not event.is_deleted), default=0)


@caught_by("H-04")
class RemembersTheHighestNumber(MemoryPersistenceEngine):
    """Reads the highest number once, then counts its own events."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._highest: dict[str, int] = {}

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(event)
        self._highest[event.key] = event.sequence_number

    async def highest_sequence_number(self, key: str) -> int:
        if key not in self._highest:
            self._highest[key] = await super().highest_sequence_number(key)
        return self._highest[key]
