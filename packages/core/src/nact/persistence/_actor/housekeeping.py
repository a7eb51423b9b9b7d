"""Does what a handler orders for its own journal: `ctx.snapshot`, `ctx.forget_events` and `ctx.erase`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from nact.errors import PersistUsageError, SequenceConflictError
from nact.persistence._actor.configuration import Persistence
from nact.persistence._actor.options import JournalOptions
from nact.persistence._actor.reading import closing_events
from nact.persistence._actor.snapshots import check_snapshot_readable, snapshot_of, store_snapshot
from nact.persistence.building import json_data
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

    def snapshot(self, state: Any, metadata: Mapping[str, Any]) -> PersistedSnapshot:
        """A snapshot of the state, which isn't stored yet.

        Raises:
            InvalidEventError: The state can't be stored exactly.
        """
        return snapshot_of(self._key, self._sequence_number, self._event_id, state, self._options, metadata=metadata)

    def state_of(self, snapshot: PersistedSnapshot) -> Any:
        """The state as a recovery gets it. It shares nothing with the one that the snapshot was made of."""
        data = json_data.decode(json_data.encode(snapshot.data))
        return data if self._options.snapshot_decoder is None else self._options.snapshot_decoder(data)

    async def store(self, snapshot: PersistedSnapshot) -> None:
        """Stores the snapshot."""
        await store_snapshot(self._persistence, snapshot)

    def check_may_delete(self) -> None:
        """Raises `PersistUsageError` unless the engine can delete events."""
        _require(self._persistence, EventDeletion, "can't delete events")

    async def replace_events(self, snapshot: PersistedSnapshot) -> None:
        """Stores the snapshot, and deletes the events that it covers.

        Raises:
            SequenceConflictError: The last event isn't the one that this actor knows. Nothing was changed.
        """
        await self._replace(snapshot, everything=False)

    async def replace_everything(self, snapshot: PersistedSnapshot) -> None:
        """Stores the snapshot, and deletes all other snapshots and all events.

        Raises:
            SequenceConflictError: The last event isn't the one that this actor knows. Nothing was changed.
        """
        await self._replace(snapshot, everything=True)

    async def _replace(self, snapshot: PersistedSnapshot, *, everything: bool) -> None:
        deletion = _require(self._persistence, EventDeletion, "can't delete events")
        await self._check_is_last()
        await self.store(snapshot)
        await check_snapshot_readable(self._persistence, self._options, self._key, self._sequence_number)
        if everything:
            await self._store.delete_snapshots(self._key, up_to=self._sequence_number - 1)
        await deletion.delete_events(self._key, up_to=self._sequence_number)

    async def _check_is_last(self) -> None:
        """Raises `SequenceConflictError` if another process has written to the key, or the storage lost events."""
        number = self._sequence_number
        events = self._persistence.engine.events(self._key, after=number - 1, limit=2)
        async with closing_events(events):
            found = [event async for event in events]
        highest = found[-1].sequence_number if found else None
        is_known = bool(found) and found[0].sequence_number == number and self._event_id in {None, found[0].event_id}
        if not is_known or len(found) > 1:
            raise SequenceConflictError(self._key, number if not is_known else number + 1, highest)


def _require(persistence: Persistence, ability: Callable[..., A], what: str) -> A:
    engine = persistence.engine
    if not isinstance(engine, cast("type", ability)):
        raise PersistUsageError(f"{engine!r} {what}")
    return cast("A", engine)
