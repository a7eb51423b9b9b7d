"""Saboteurs of data: they alter what they can't hold."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
from good_engines.memory_back_door import decoded, encoded
from good_engines.network import check_json

from nact.errors import InvalidEventError
from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent, PersistedSnapshot
from saboteurs.conflicts import Writes
from saboteurs.journal import Replays
from saboteurs.sabotage import caught_by

Events = AsyncIterator[PersistedEvent]


def everywhere(change: Callable[[Any], Any], value: Any) -> Any:
    """The value with every value inside changed, innermost first."""
    if isinstance(value, dict):
        value = {name: everywhere(change, item) for name, item in value.items()}
    elif isinstance(value, list):
        value = [everywhere(change, item) for item in value]
    return change(value)


class Alters(Replays):
    """Not yet a saboteur: one that can change every value inside of data."""

    def altered(self, value: Any) -> Any:
        return value

    async def events(self, key: str, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            yield msgspec.structs.replace(event, data=everywhere(self.altered, event.data))


@caught_by("E-01")
class LosesMinusZero(Alters):
    """Gives 0.0 for -0.0."""

    def altered(self, value: Any) -> Any:
        return 0.0 if isinstance(value, float) and value == 0 else value


@caught_by("E-01", "E-04")
class MakesIntsOfWholeFloats(Alters):
    """Gives 10000000000000000000000 for 1e22, and 1 for 1.0."""

    def altered(self, value: Any) -> Any:
        return int(value) if isinstance(value, float) and value.is_integer() else value


@caught_by("E-01")
class HasFloatsOnly(Alters):
    """Reads ints as JavaScript does: exact up to 2**53."""

    def altered(self, value: Any) -> Any:
        return int(float(value)) if type(value) is int else value


@caught_by("E-02")
class DropsControlCharacters(Alters):
    """Drops what can't be printed."""

    def altered(self, value: Any) -> Any:
        return re.sub(r"[\x01-\x08\x0b-\x1f\x7f]", "", value) if isinstance(value, str) else value


@caught_by("E-02")
class Unescapes(Alters):
    """Takes a backslash in the data for an escape."""

    def altered(self, value: Any) -> Any:
        return value.replace("\\\\", "\\") if isinstance(value, str) else value


@caught_by("E-03")
class MakesPathsOfDots(Alters):
    """Replaces dots in the names of fields."""

    def altered(self, value: Any) -> Any:
        return {name.replace(".", "_"): item for name, item in value.items()} if isinstance(value, dict) else value


@caught_by("E-03")
class DropsFieldsWithDollars(Alters):
    """Loses fields whose name begins with a dollar sign."""

    def altered(self, value: Any) -> Any:
        return {name: value[name] for name in value if name[:1] != "$"} if isinstance(value, dict) else value


@caught_by("E-04")
class LosesEmptyFields(Alters):
    """Leaves out fields that hold an empty list."""

    def altered(self, value: Any) -> Any:
        return {name: item for name, item in value.items() if item != []} if isinstance(value, dict) else value


@caught_by("E-05", "S-12")
class TrustsItsEncoder(MemoryPersistenceEngine):
    """Stores what an encoder makes of NaN, tuples and int keys."""

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(msgspec.structs.replace(event, data=_encoded_anyhow(event.data)))

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        await super().take_snapshot(msgspec.structs.replace(snapshot, data=_encoded_anyhow(snapshot.data)))


def _encoded_anyhow(data: Any) -> Any:
    try:
        return msgspec.json.decode(msgspec.json.encode(data))
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise InvalidEventError(str(error)) from error


@caught_by("E-05")
class RefusesAfterStoring(Writes):
    """Refuses bad data when it has taken their number."""

    async def persist(self, event: PersistedEvent) -> None:
        try:
            await super().persist(event)
        except InvalidEventError:
            self.put(msgspec.structs.replace(event, data=None))
            raise


@caught_by("E-06")
class EndsTextAtNul(Alters):
    """Takes a NUL for the end of a text."""

    def altered(self, value: Any) -> Any:
        return value.split("\0")[0] if isinstance(value, str) else value


@caught_by("E-07")
class LosesWhatIsDeep(Replays):
    """Keeps fifty levels of lists and dicts."""

    async def events(self, key: str, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            yield msgspec.structs.replace(event, data=_cut(event.data, 50))


def _cut(value: Any, levels: int) -> Any:
    if isinstance(value, dict):
        return {name: _cut(item, levels - 1) for name, item in value.items()} if levels else None
    if isinstance(value, list):
        return [_cut(item, levels - 1) for item in value] if levels else None
    return value


@caught_by("E-08")
class JoinsTagsWithCommas(Replays):
    """Stores tags as a text with commas, and strips blanks when it splits it."""

    async def events(self, key: str, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            tags = [tag.strip() for tag in ",".join(event.tags).split(",") if tag.strip()]
            yield msgspec.structs.replace(event, tags=tags)


@caught_by("E-09")
class HasTimesOf32Bits(Replays):
    """Keeps the seconds of a time in 32 bits."""

    async def events(self, key: str, **window: Any) -> Events:
        for event in await self.whole(key, **window):
            seconds, rest = divmod(event.created_at, 1000)
            yield msgspec.structs.replace(event, created_at=seconds % 2**32 * 1000 + rest)


@caught_by("E-10")
class KeepsReferences(MemoryPersistenceEngine):
    """Gives back the very object that it was given."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._given: dict[str, Any] = {}

    async def persist(self, event: PersistedEvent) -> None:
        await super().persist(event)
        self._given[event.event_id] = event.data

    async def events(self, key: str, **window: Any) -> Events:
        async for event in super().events(key, **window):
            yield msgspec.structs.replace(event, data=self._given[event.event_id])


@caught_by("E-11")
class HasAnotherEncoderForBatches(MemoryPersistenceEngine):
    """Sends batches through a path that knows floats only."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        if len(events) > 1:
            rounded = [everywhere(_as_float, event.data) for event in events]
            pairs = zip(events, rounded, strict=True)
            events = [msgspec.structs.replace(event, data=data) for event, data in pairs]
        await super().persist_all(events)


def _as_float(value: Any) -> Any:
    return int(float(value)) if type(value) is int and abs(value) < 2**62 else value


@caught_by("E-12")
class KeepsAThousandItems(Alters):
    """Keeps the first thousand items of a list, and fields of a dict."""

    def altered(self, value: Any) -> Any:
        if isinstance(value, list):
            return value[:1000]
        return dict(list(value.items())[:1000]) if isinstance(value, dict) else value


@caught_by("E-13")
class CachesWhatItWrote(MemoryPersistenceEngine):
    """Reads its own events from a cache; what it stored has lost the fractions of floats."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._cache: dict[str, PersistedEvent] = {}

    async def persist(self, event: PersistedEvent) -> None:
        check_json(event)
        data = everywhere(lambda value: float(f"{value:.3e}") if isinstance(value, float) else value, event.data)
        await super().persist(msgspec.structs.replace(event, data=data))
        self._cache[event.event_id] = decoded(encoded(event))

    async def events(self, key: str, **window: Any) -> Events:
        async for event in super().events(key, **window):
            yield self._cache.get(event.event_id, event)
