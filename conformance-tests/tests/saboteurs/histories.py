"""Saboteurs that only a certain order of calls brings to light."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

from nact.persistence import PersistedEvent
from saboteurs.conflicts import Writes
from saboteurs.journal import Replays
from saboteurs.sabotage import caught_by


@caught_by("R-01")
class LimitsBadlyWithATag(Replays):
    """Yields one event too many, if one tag and a limit come together behind the beginning."""

    async def events(
        self, key: str, *, limit: int | None = None, tags: Collection[str] = (), **window: Any
    ) -> AsyncIterator[PersistedEvent]:
        limit = limit + 1 if limit and len(tags) == 1 and window.get("after") else limit
        for event in await self.whole(key, limit=limit, tags=tags, **window):
            yield event


@caught_by("R-02")
class ForgetsSnapshotsBelowADeletion(Writes):
    """Deletes, with events, the snapshots of lower numbers, though not that of the last."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        await super().delete_events(key, up_to=up_to)
        await self.delete_snapshots(key, up_to=up_to - 1)
