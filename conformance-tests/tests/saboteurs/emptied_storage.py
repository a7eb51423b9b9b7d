"""Saboteurs that go on as if their storage hadn't been emptied."""

from __future__ import annotations

from collections.abc import Sequence

from good_engines.memory_back_door import encoded

from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent
from saboteurs.sabotage import caught_by


@caught_by("M-10", "M-11")
class GoesOnAfterAGap(MemoryPersistenceEngine):
    """Remembers the last number that it stored, and doesn't ask the storage for the event before the next."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._highest: dict[str, int] = {}

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        first = events[0]
        if self._highest.get(first.key, 0) + 1 == first.sequence_number > 1:
            self._storage.events.setdefault(first.key, []).extend(map(encoded, events))
        else:
            await super().persist_all(events)
        self._highest[first.key] = events[-1].sequence_number


@caught_by("M-12", "M-13")
class GoesOnByItself(MemoryPersistenceEngine):
    """Makes a storage of its own, when the one that it had isn't there any more."""

    used = False

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        if self.used and not self._storage.events:
            self._storage = MemoryStorage()
        await super().persist_all(events)
        self.used = True
