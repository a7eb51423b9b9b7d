"""Saboteurs that only a certain order of calls brings to light."""

from __future__ import annotations

import msgspec

from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent
from saboteurs.conflicts import Writes
from saboteurs.sabotage import caught_by


@caught_by("R-01")
class LosesTheTagsOfRetries(Writes):
    """Writes a retry over the event, without its tags."""

    async def persist(self, event: PersistedEvent) -> None:
        was_stored = self.is_stored(event)
        await super().persist(event)
        if was_stored:
            self.put(msgspec.structs.replace(event, tags=()))


@caught_by("R-02")
class TellsWhereItDeleted(MemoryPersistenceEngine):
    """After a deletion tells its bound for the highest number, if a snapshot was taken before."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._bounds: dict[str, int] = {}

    async def delete_events(self, key: str, *, up_to: int) -> None:
        await super().delete_events(key, up_to=up_to)
        if any(self._storage.snapshots.values()):
            self._bounds[key] = up_to

    async def highest_sequence_number(self, key: str) -> int:
        return min(await super().highest_sequence_number(key), self._bounds.get(key, 2**63))
