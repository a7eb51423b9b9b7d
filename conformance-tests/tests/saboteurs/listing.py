"""Saboteurs of the list of keys."""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent
from saboteurs.sabotage import caught_by


@caught_by("K-01")
class ListsAKeyForEachEvent(MemoryPersistenceEngine):
    """Forgets DISTINCT."""

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        async for key in super().keys(prefix=prefix):
            for _ in self._storage.events[key]:
                yield key


@caught_by("K-02")
class TakesPrefixesForPatterns(MemoryPersistenceEngine):
    """Takes `*`, `?` and `[` in a prefix for wildcards."""

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        async for key in super().keys():
            if fnmatch.fnmatchcase(key, prefix + "*"):
                yield key


@caught_by("K-02")
class ComparesPrefixesCaseBlind(MemoryPersistenceEngine):
    """Compares as LIKE does."""

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        async for key in super().keys():
            if key.lower().startswith(prefix.lower()):
                yield key


@caught_by("K-03", "A-16")
class ListsLivingKeys(MemoryPersistenceEngine):
    """Leaves out keys whose events are all deleted."""

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        async for key in super().keys(prefix=prefix):
            if not self._storage.events[key][-1].is_deleted:
                yield key


@caught_by("K-04")
class ListsWhatItHeardOf(MemoryPersistenceEngine):
    """Lists keys that were asked for, or have snapshots only."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._heard: dict[str, None] = {}

    def events(self, key: str, **window: Any) -> AsyncIterator[PersistedEvent]:
        self._heard[key] = None
        return super().events(key, **window)

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        for key in dict.fromkeys([*self._storage.events, *self._storage.snapshots, *self._heard]):
            if key.startswith(prefix):
                yield key


@caught_by("K-05")
class ListsAThousandKeys(MemoryPersistenceEngine):
    """Lists one page."""

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        count = 0
        async for key in super().keys(prefix=prefix):
            count += 1
            if count <= 1000:
                yield key


@caught_by("K-06")
class HoldsItsConnectionWhileListing(MemoryPersistenceEngine):
    """Has one connection, and keeps it while the consumer of a listing works."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._connection = asyncio.Lock()

    async def persist(self, event: PersistedEvent) -> None:
        async with self._connection:
            await super().persist(event)

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        async with self._connection:
            async for key in super().keys(prefix=prefix):
                yield key


@caught_by("K-07")
class ListsKeysEscaped(MemoryPersistenceEngine):
    """Lists keys as it writes them into its files' names."""

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        async for key in super().keys(prefix=prefix):
            yield quote(key, safe="-")
