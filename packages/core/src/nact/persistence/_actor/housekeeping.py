"""What a handler does to its own journal: a snapshot now, forgetting its events, erasing all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from nact.errors import PersistUsageError
from nact.persistence._actor.configuration import Persistence
from nact.persistence._actor.options import JournalOptions
from nact.persistence._actor.snapshots import captured, check_readable, keep, still_stands
from nact.persistence.engine import EventDeletion, SnapshotStore
from nact.persistence.records import PersistedSnapshot

A = TypeVar("A")


class Housekeeping:
    """Works on the journal of one key, up to one event.

    Args:
        key: The persistence key.
        persistence: The engine, and who observes it.
        options: How snapshots are written and read.
        sequence_number: Of the last event.
        event_id: Of the last event.
    """

    def __init__(
        self,
        key: str,
        persistence: Persistence,
        options: JournalOptions,
        sequence_number: int,
        event_id: str | None,
    ) -> None:
        self._key = key
        self._persistence = persistence
        self._options = options
        self._sequence_number = sequence_number
        self._event_id = event_id
        self._store = _needed(persistence, SnapshotStore, "keeps no snapshots")

    async def snapshot(self, state: Any, metadata: Mapping[str, Any]) -> PersistedSnapshot:
        """Stores a snapshot of the state."""
        snapshot = captured(self._key, self._sequence_number, self._event_id, state, self._options, metadata=metadata)
        await keep(self._persistence, snapshot)
        return snapshot

    async def forget_events(self, state: Any, metadata: Mapping[str, Any]) -> None:
        """Stores a snapshot, and deletes the events that it covers."""
        deletion = _needed(self._persistence, EventDeletion, "can't delete events")
        snapshot = await self.snapshot(state, metadata)
        await self._check(snapshot)
        await deletion.delete_events(self._key, up_to=self._sequence_number)

    async def erase(self, state: Any) -> None:
        """Stores a snapshot of what remains, and deletes all the rest."""
        deletion = _needed(self._persistence, EventDeletion, "can't delete events")
        if self._sequence_number == 0:
            return
        snapshot = await self.snapshot(state, {})
        await self._check(snapshot)
        await self._store.delete_snapshots(self._key, up_to=self._sequence_number - 1)
        await deletion.delete_events(self._key, up_to=self._sequence_number)

    async def _check(self, snapshot: PersistedSnapshot) -> None:
        """Raises unless the snapshot can stand for the events that are to be deleted."""
        await still_stands(self._persistence, snapshot)
        await check_readable(self._persistence, self._options, self._key, self._sequence_number)


def _needed(persistence: Persistence, ability: Callable[..., A], what: str) -> A:
    engine = persistence.engine
    if not isinstance(engine, cast("type", ability)):
        raise PersistUsageError(f"{engine!r} {what}")
    return cast("A", engine)
