"""Saboteurs of the journal: of its order, its windows and its contents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

import msgspec

from nact.errors import CorruptJournalError
from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent
from saboteurs.sabotage import caught_by

Events = AsyncIterator[PersistedEvent]


class Replays(MemoryPersistenceEngine):
    """Not yet a saboteur: one that can change what a replay of the whole window yields."""

    async def whole(self, key: str, **window: Any) -> list[PersistedEvent]:
        return [event async for event in MemoryPersistenceEngine.events(self, key, **window)]


@caught_by("J-01", "E-09")
class KeepsSeconds(Replays):
    """Keeps times to the second."""

    async def events(self, key: str, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            yield msgspec.structs.replace(event, created_at=event.created_at // 1000 * 1000)


@caught_by("J-01")
class MakesItsOwnIds(Replays):
    """Gives back another event_id than it was given."""

    async def events(self, key: str, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            yield msgspec.structs.replace(event, event_id=event.event_id.upper())


@caught_by("J-02")
class RaisesForUnknownKeys(Replays):
    """Takes a key that was never written for a damaged one."""

    async def events(self, key: str, **window: Any) -> Events:
        if key not in self._storage.events:
            raise CorruptJournalError("no such key", key)
        for event in await self.whole(key, **window):
            yield event


@caught_by("J-03")
class OrdersNumbersAsText(Replays):
    """Yields 1, 10, 11, 2."""

    async def events(self, key: str, **window: Any) -> Events:
        for event in sorted(await self.whole(key, **window), key=lambda event: str(event.sequence_number)):
            yield event


@caught_by("J-03")
class SwapsOrderPastTen(Replays):
    """Yields the events past the tenth backwards."""

    async def events(self, key: str, **window: Any) -> Events:
        events = await self.whole(key, **window)
        for event in events[:10] + events[:9:-1]:
            yield event


@caught_by("J-04")
class DropsEveryHundredth(Replays):
    """Leaves out every hundredth event."""

    async def events(self, key: str, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            if event.sequence_number % 100:
                yield event


@caught_by("J-04")
class RepeatsTheSeamOfPages(Replays):
    """Yields the last event of each page of a thousand again, as the first of the next."""

    async def events(self, key: str, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            yield event
            if event.sequence_number % 1000 == 0:
                yield event


@caught_by("J-05", "J-08")
class IncludesAfter(MemoryPersistenceEngine):
    """Begins a window with the event `after`, not after it."""

    def events(self, key: str, *, after: int = 0, **window: Any) -> Events:
        return super().events(key, after=max(0, after - 1), **window)


@caught_by("J-06")
class BeginsAgainBeyondTheEnd(MemoryPersistenceEngine):
    """Takes an `after` beyond the last event for 0."""

    def events(self, key: str, *, after: int = 0, **window: Any) -> Events:
        count = len(self._storage.events.get(key, []))
        return super().events(key, after=after if after <= count else 0, **window)


@caught_by("J-07")
class TakesZeroForNoLimit(MemoryPersistenceEngine):
    """Takes a limit of 0 for none."""

    def events(self, key: str, *, limit: int | None = None, **window: Any) -> Events:
        return super().events(key, limit=limit or None, **window)


@caught_by("J-08")
class LimitsFromTheEnd(Replays):
    """Yields the last events of a window, not the first."""

    async def events(self, key: str, *, limit: int | None = None, **window: Any) -> Events:
        events = await self.whole(key, **window)
        for event in events if limit is None else events[len(events) - limit :]:
            yield event


@caught_by("J-09")
class TakesTheLimitForANumber(Replays):
    """Yields the events up to the number `limit`."""

    async def events(self, key: str, *, limit: int | None = None, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            if limit is None or event.sequence_number <= limit:
                yield event


@caught_by("J-10")
class GuessesAtWindows(MemoryPersistenceEngine):
    """Makes some number of whatever it is given."""

    def events(self, key: str, *, after: Any = 0, limit: Any = None, tags: Collection[str] = ()) -> Events:
        return super().events(key, after=abs(int(after)), limit=None if limit is None else abs(int(limit)), tags=tags)


@caught_by("J-11")
class ReadsALaggingReplica(Replays):
    """Reads what was there at the read before."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._replica: dict[str, list[PersistedEvent]] = {}

    async def events(self, key: str, **window: Any) -> Events:
        events = await self.whole(key, **window)
        stale = self._replica.get(key, events)
        self._replica[key] = events
        for event in stale:
            yield event


@caught_by("J-14")
class CutsLongText(Replays):
    """Keeps 65535 characters of a text."""

    async def events(self, key: str, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            data = event.data[:65535] if isinstance(event.data, str) else event.data
            yield msgspec.structs.replace(event, data=data)


@caught_by("J-15")
class RepeatsWhenTheJournalGrows(Replays):
    """Yields an event again if another one came meanwhile: pages by offset from the end."""

    async def events(self, key: str, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            count = len(self._storage.events[key])
            yield event
            if len(self._storage.events[key]) != count:
                yield event


@caught_by("J-20")
class HandsBoundsToItsDriver(MemoryPersistenceEngine):
    """Has a driver that takes no more than 64 bits."""

    async def events(self, key: str, *, after: int = 0, limit: int | None = None, **window: Any) -> Events:
        if max(after, limit or 0) >= 2**63:
            raise OverflowError("can only handle up to 8-byte ints")
        async for event in super().events(key, after=after, limit=limit, **window):
            yield event
