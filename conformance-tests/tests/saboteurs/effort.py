"""Saboteurs of effort: they do what they should, and too much of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from nact.persistence import MemoryPersistenceEngine, PersistedEvent
from saboteurs.journal import Replays
from saboteurs.sabotage import caught_by


@caught_by("G-01", "G-02")
class ReadsEverythingFirst(Replays):
    """Reads the whole window before it yields its first event."""

    async def events(self, key: str, **window: Any) -> AsyncIterator[PersistedEvent]:
        for event in await self.whole(key, **window):
            yield event


class Counts(MemoryPersistenceEngine):
    """Not yet a saboteur: counts its round trips."""

    round_trips = 0


@caught_by("G-03")
class SendsBatchesOneByOne(Counts):
    """Makes a round trip for each event of a batch."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        await super().persist_all(events)
        self.round_trips += len(events)


@caught_by("G-04")
class ReadsOneByOne(Counts):
    """Makes a round trip for each event of a replay."""

    async def events(self, key: str, **window: Any) -> AsyncIterator[PersistedEvent]:
        async for event in super().events(key, **window):
            self.round_trips += 1
            yield event


@caught_by("G-05")
class ReadsTheJournalBeforeEachWrite(Counts):
    """Reads all pages of the journal to find its end."""

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(event)
        self.round_trips += 1 + len(self._storage.events[event.key]) // 100
