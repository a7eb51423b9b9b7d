"""Saboteurs of keys: they mix them up, or let them suffer for each other."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Sequence
from typing import Any

from nact.errors import EngineUnavailableError, InvalidEventError
from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent
from nact.persistence.building.group_commit import GroupCommit, Outcome
from saboteurs.conflicts import Writes
from saboteurs.sabotage import caught_by

Events = AsyncIterator[PersistedEvent]


class Translates(MemoryPersistenceEngine):
    """Not yet a saboteur: one that translates keys before it looks into its storage."""

    def translated(self, key: str) -> str:
        return key

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        outer = self

        class Journals(dict[str, Any]):
            def get(self, key: str, default: Any = None) -> Any:
                return super().get(outer.translated(key), default)

            def setdefault(self, key: str, default: Any = None) -> Any:
                return super().setdefault(outer.translated(key), default)

        if not isinstance(storage.events, Journals):
            storage.events, storage.snapshots = Journals(), Journals()


@caught_by("I-01")
class HasOneJournal(Translates):
    """Ignores the key."""

    def translated(self, key: str) -> str:
        return "everything"


@caught_by("I-04", "S-07")
class ComparesKeysCaseBlind(Translates):
    """Takes upper and lower case for equal."""

    def translated(self, key: str) -> str:
        return key.casefold()


@caught_by("I-04")
class TrimsBlanks(Translates):
    """Drops trailing blanks."""

    def translated(self, key: str) -> str:
        return key.rstrip()


@caught_by("I-04")
class NormalisesKeys(Translates):
    """Brings keys into one normal form."""

    def translated(self, key: str) -> str:
        return unicodedata.normalize("NFC", key)


@caught_by("I-07")
class CutsLongKeys(Translates):
    """Keeps 255 characters of a key."""

    def translated(self, key: str) -> str:
        return key[:255]


@caught_by("I-05")
class RefusesOddKeys(MemoryPersistenceEngine):
    """Accepts letters, digits and dashes only."""

    async def persist(self, event: PersistedEvent) -> None:
        if not all(character.isalnum() or character == "-" for character in event.key):
            raise InvalidEventError("such a key isn't supported")
        await super().persist(event)


@caught_by("I-06")
class ReadsAnyKey(MemoryPersistenceEngine):
    """Finds no events for what can't be a key."""

    async def events(self, key: str, **window: Any) -> Events:
        if str(key).isprintable() and key and type(key) is str:
            async for event in super().events(key, **window):
                yield event


class Groups(MemoryPersistenceEngine):
    """Not yet a saboteur: writes in groups."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._commits: GroupCommit[Sequence[PersistedEvent]] = GroupCommit(self.write)

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        await self._commits.submit(events)

    async def write(self, batch: Sequence[Sequence[PersistedEvent]]) -> Sequence[Outcome]:
        raise NotImplementedError


@caught_by("I-02", "I-03", "B-14")
class FailsNeighboursInAGroup(Groups):
    """Gives every write of a group the first error, as one transaction does."""

    async def write(self, batch: Sequence[Sequence[PersistedEvent]]) -> Sequence[Outcome]:
        for events in batch:
            await MemoryPersistenceEngine.persist_all(self, events)
        return [None] * len(batch)


@caught_by("I-03")
class EncodesInTheGroup(Groups):
    """Finds a bad event when the group is written, and fails all of it."""

    async def write(self, batch: Sequence[Sequence[PersistedEvent]]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        for events in batch:
            try:
                await MemoryPersistenceEngine.persist_all(self, events)
            except InvalidEventError as error:
                return [error] * len(batch)
            except Exception as error:  # noqa: BLE001 (it is the outcome)
                outcomes.append(error)
            else:
                outcomes.append(None)
        return outcomes


@caught_by("I-09")
class RaisesWhenItsPoolIsEmpty(MemoryPersistenceEngine):
    """Has ten connections, and an error for the eleventh caller."""

    in_use = 0

    async def persist(self, event: PersistedEvent) -> None:
        if self.in_use >= 10:
            raise EngineUnavailableError("too many connections")
        self.in_use += 1
        try:
            await asyncio.sleep(0)
            await super().persist(event)
        finally:
            self.in_use -= 1


@caught_by("I-10")
class MixesReplaysAtOnce(MemoryPersistenceEngine):
    """Keeps the key of a replay where the next one overwrites it."""

    _key = ""

    async def events(self, key: str, **window: Any) -> Events:
        self._key = key
        await asyncio.sleep(0)
        async for event in super().events(self._key, **window):
            yield event


@caught_by("I-11")
class ComparesIdsOfAllKeys(Writes):
    """Takes the same id under another key for a retry."""

    async def persist(self, event: PersistedEvent) -> None:
        if any(each.event_id == event.event_id for journal in self._storage.events.values() for each in journal):
            return
        await super().persist(event)


@caught_by("S-07")
class SnapshotsByPrefix(MemoryPersistenceEngine):
    """Deletes the snapshots of all keys that begin so."""

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        for other in list(self._storage.snapshots):
            if other.startswith(key.rstrip("%")):
                await super().delete_snapshots(other, up_to=up_to)
