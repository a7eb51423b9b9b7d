"""Does what a handler orders for its own journal: `ctx.snapshot`, `ctx.forget_events` and `ctx.erase`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from nact.errors import PersistUsageError, SequenceConflictError
from nact.persistence._actor.configuration import Persistence
from nact.persistence._actor.options import JournalOptions
from nact.persistence._actor.snapshots import check_snapshot_readable, is_in_journal, snapshot_of, store_snapshot
from nact.persistence.engine import EventDeletion, SnapshotStore
from nact.persistence.records import PersistedSnapshot

A = TypeVar("A")


class Housekeeping:
    """Takes a snapshot after the last event of one key, and deletes the past before it.

    Args:
        key: The persistence key.
        persistence: The engine, and its observer.
        options: The encoder and the decoder of snapshots.
        sequence_number: The number of the last event.
        event_id: The id of the last event.
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
        self._store = _require(persistence, SnapshotStore, "keeps no snapshots")

    async def snapshot(self, state: Any, metadata: Mapping[str, Any]) -> PersistedSnapshot:
        """Stores a snapshot of the state."""
        snapshot = snapshot_of(
            self._key, self._sequence_number, self._event_id, state, self._options, metadata=metadata
        )
        await store_snapshot(self._persistence, snapshot)
        return snapshot

    async def forget_events(self, state: Any, metadata: Mapping[str, Any]) -> None:
        """Stores a snapshot, and deletes the events that it covers."""
        deletion = _require(self._persistence, EventDeletion, "can't delete events")
        snapshot = await self.snapshot(state, metadata)
        await self._check(snapshot)
        await deletion.delete_events(self._key, up_to=self._sequence_number)

    async def erase(self, state: Any) -> None:
        """Stores a snapshot of the state that remains, and deletes all events and all other snapshots."""
        deletion = _require(self._persistence, EventDeletion, "can't delete events")
        if self._sequence_number == 0:
            return
        snapshot = await self.snapshot(state, {})
        await self._check(snapshot)
        await self._store.delete_snapshots(self._key, up_to=self._sequence_number - 1)
        await deletion.delete_events(self._key, up_to=self._sequence_number)

    async def _check(self, snapshot: PersistedSnapshot) -> None:
        """Raises unless the snapshot can replace the events that are to be deleted.

        Raises:
            SequenceConflictError: Another process has written to the key, and deleted events, since.
        """
        if not await is_in_journal(self._persistence, snapshot):
            raise SequenceConflictError(self._key, self._sequence_number)
        await check_snapshot_readable(self._persistence, self._options, self._key, self._sequence_number)


def _require(persistence: Persistence, ability: Callable[..., A], what: str) -> A:
    engine = persistence.engine
    if not isinstance(engine, cast("type", ability)):
        raise PersistUsageError(f"{engine!r} {what}")
    return cast("A", engine)
