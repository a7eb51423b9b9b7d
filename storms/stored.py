"""What a storage holds of a key, in the words of the checker, whoever read it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from nact.persistence import EventDeletion, PersistenceEngine, SnapshotStore
from storms.folding import Data, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event that is still there."""

    number: int
    event_id: str
    data: Data


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What there is of one key.

    Attributes:
        deleted: The number of the tombstone; 0 if nothing was deleted.
        tombstone_id: The `event_id` that the tombstone keeps.
        events: In the order in which they were read.
        snapshots: By number. An engine tells the latest one only.
    """

    deleted: int = 0
    tombstone_id: str = ""
    events: tuple[Event, ...] = ()
    snapshots: dict[int, State] = field(default_factory=dict)


class FullEngine(SnapshotStore, EventDeletion, PersistenceEngine, AbstractAsyncContextManager[object], Protocol):
    """An engine with snapshots and deletion: what storms need of one."""


async def read_with(engine: FullEngine, key: str) -> Stored:
    """What an engine tells of a key."""
    deleted, tombstone_id, events = 0, "", []
    async for event in engine.events(key):
        if event.is_deleted:
            deleted, tombstone_id = event.sequence_number, event.event_id
        else:
            events.append(Event(number=event.sequence_number, event_id=event.event_id, data=event.data))
    latest = await engine.latest_snapshot(key)
    snapshots = {} if latest is None else {latest.sequence_number: latest.data}
    return Stored(deleted=deleted, tombstone_id=tombstone_id, events=tuple(events), snapshots=snapshots)
