"""Saboteurs of the filter by tags."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

import msgspec

from nact.persistence import PersistedEvent
from saboteurs.journal import Replays
from saboteurs.sabotage import caught_by

Events = AsyncIterator[PersistedEvent]


class Filters(Replays):
    """Not yet a saboteur: one with a filter of its own."""

    def matches(self, event: PersistedEvent, tags: Collection[str]) -> bool:
        return set(tags).issubset(event.tags)

    async def events(self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()) -> Events:
        events = await self.whole(key, after=after, tags=[] if isinstance(tags, list) else tags)
        found = [event for event in events if not tags or self.matches(event, tags)]
        for event in found[:limit]:
            yield event


@caught_by("T-01")
class IgnoresTags(Filters):
    """Yields every event."""

    def matches(self, event: PersistedEvent, tags: Collection[str]) -> bool:
        return True


@caught_by("T-02")
class TakesAnyOfTheTags(Filters):
    """Yields events with one of the tags."""

    def matches(self, event: PersistedEvent, tags: Collection[str]) -> bool:
        return bool(set(tags) & set(event.tags))


@caught_by("T-03")
class ComparesTagsCaseBlind(Filters):
    """Takes upper and lower case for equal."""

    def matches(self, event: PersistedEvent, tags: Collection[str]) -> bool:
        return {tag.casefold() for tag in tags} <= {tag.casefold() for tag in event.tags}


@caught_by("T-03")
class FindsTagsInText(Filters):
    """Looks for a tag in the text of all tags."""

    def matches(self, event: PersistedEvent, tags: Collection[str]) -> bool:
        return all(tag in ",".join(event.tags) for tag in tags)


@caught_by("T-04")
class LimitsBeforeItFilters(Filters):
    """Counts the events that it looks at, not those that match."""

    async def events(self, key: str, *, limit: int | None = None, tags: Collection[str] = (), **window: Any) -> Events:
        for event in await self.whole(key, limit=limit, **window):
            if self.matches(event, tags):
                yield event


@caught_by("T-05")
class EndsAtAPageWithoutMatches(Filters):
    """Takes a page in which nothing matches for the end."""

    async def events(self, key: str, *, tags: Collection[str] = (), **window: Any) -> Events:
        events = await self.whole(key, **window)
        for start in range(0, len(events), 500):
            found = [event for event in events[start : start + 500] if self.matches(event, tags)]
            if not found:
                return
            for event in found:
                yield event


@caught_by("T-06")
class TakesAnythingForTags(Filters):
    """Finds nothing for tags that can't be."""

    async def events(self, key: str, *, tags: Collection[str] = (), **window: Any) -> Events:
        for event in await self.whole(key, **window):
            if set(tags).issubset(event.tags):
                yield event


@caught_by("T-07")
class KeepsTenTags(Replays):
    """Keeps the first ten tags of an event."""

    async def events(self, key: str, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            yield msgspec.structs.replace(event, tags=event.tags[:10])


@caught_by("T-08")
class FindsTagsInAllKeys(Replays):
    """Forgets the key when it filters by tags."""

    async def events(self, key: str, *, tags: Collection[str] = (), **window: Any) -> Events:
        for each in list(self._storage.events) if tags else [key]:
            for event in await self.whole(each, tags=tags, **window):
                yield event
