"""Saboteurs that only a certain order of calls brings to light."""

from __future__ import annotations

import msgspec

from nact.persistence import PersistedEvent
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
class ForgetsSnapshotsBelowADeletion(Writes):
    """Deletes, with events, the snapshots of lower numbers, though not that of the last."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        await super().delete_events(key, up_to=up_to)
        await self.delete_snapshots(key, up_to=up_to - 1)
