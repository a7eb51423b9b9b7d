"""Takes a persistent actor's snapshots when they are due, and deletes what its retention no longer needs."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from nact._runtime.observing import UNOBSERVED
from nact._runtime.scheduler import first_step
from nact.errors import CorruptJournalError, NactError
from nact.persistence._actor.reading import first_event_from
from nact.persistence.building import json_data
from nact.persistence.records import PersistedEvent, PersistedSnapshot

if TYPE_CHECKING:
    from nact._actor.cell import Cell
    from nact.persistence._actor.configuration import Persistence
    from nact.persistence._actor.options import JournalOptions, Retention
    from nact.persistence.engine import EventDeletion, SnapshotStore

logger = logging.getLogger("nact.persistence")


class JournalChangedError(NactError):
    """The journal no longer holds what the actor stored."""

    def __init__(self, key: str, sequence_number: int, found: PersistedEvent | None) -> None:
        super().__init__(key, sequence_number, found)
        self.key = key
        self.sequence_number = sequence_number
        self.found = found

    def __str__(self) -> str:
        is_there = "ends before it" if self.found is None else f"has event {self.found.event_id} there"
        return (
            f"it stored event {self.sequence_number} of key {self.key!r}, and the journal now {is_there}: the storage "
            "lost acknowledged events (a failover, a restored backup), or another process writes to the key. Nothing "
            "was deleted on the strength of the actor's memory"
        )


class Snapshots:
    """Takes one actor's snapshots, one at a time, while its messages go on. A failure never stops the actor."""

    __slots__ = ("_engine", "_kept", "_key", "_last", "_options", "_persistence", "_taking", "_task")

    def __init__(self, key: str, persistence: Persistence, options: JournalOptions) -> None:
        self._key = key
        self._persistence = persistence
        self._options = options
        self._engine = cast("SnapshotStore", persistence.engine)  # `journal_options` has checked that
        self._last = 0  # the sequence number of the last attempt
        self._kept: deque[int] = deque()  # the sequence numbers of snapshots known to be stored, oldest first
        self._taking = False
        self._task: asyncio.Task[None] | None = None

    def begin(self, latest: int) -> None:
        """Starts after a recovery from the snapshot with this sequence number; 0 for none."""
        self._last = latest
        self._kept = deque([latest] if latest else [])

    def are_due(self, sequence_number: int) -> bool:
        """Tells whether enough events were stored since the last snapshot."""
        every = self._options.snapshot_every
        return every is not None and sequence_number - self._last >= every and not self._taking

    def note_stored(self, sequence_number: int) -> None:
        """Notes that a snapshot with this sequence number was stored."""
        self._last = sequence_number
        self._keep(sequence_number)

    def _keep(self, sequence_number: int) -> None:
        if not self._kept or self._kept[-1] != sequence_number:  # of one number, the storage has one snapshot
            self._kept.append(sequence_number)

    def take(
        self, cell: Cell, state: Any, sequence_number: int, event_id: str | None, metadata: Mapping[str, Any]
    ) -> None:
        """Begins to store a snapshot, and returns at once. Later changes to the state don't get into it."""
        self._last = sequence_number
        try:
            snapshot = snapshot_of(self._key, sequence_number, event_id, state, self._options, metadata=metadata)
        except Exception as error:
            self._failed(sequence_number, error)
            return
        self._taking = True
        cell.leaving += 1
        self._task = cell.runtime.scheduler.spawn(self._store(cell, snapshot))

    async def settled(self) -> None:
        """Returns when no snapshot is being stored."""
        while self._taking and self._task is not None:
            await asyncio.wait([self._task])

    async def _store(self, cell: Cell, snapshot: PersistedSnapshot) -> None:
        try:
            await first_step()
            await store_snapshot(self._persistence, snapshot)
            self._keep(snapshot.sequence_number)
            if self._options.retention is not None:
                await self._retain(self._options.retention, snapshot)
        except JournalChangedError as overtaken:
            cell.runtime.log_fault(cell.ref, f"stops: {overtaken}", overtaken)
            cell.stop()
        except Exception as error:
            self._failed(snapshot.sequence_number, error)
        finally:
            self._taking = False
            cell.one_left()

    async def _retain(self, retention: Retention, latest: PersistedSnapshot) -> None:
        """Deletes what is no longer needed: snapshots first, then events that none of the others needs."""
        if len(self._kept) < retention.snapshots or not await is_in_journal(self._persistence, latest):
            return
        too_old = 0
        while len(self._kept) > retention.snapshots:
            too_old = self._kept.popleft()
        if too_old:
            await self._engine.delete_snapshots(self._key, up_to=too_old)
        if retention.delete_events:
            await check_snapshot_readable(self._persistence, self._options, self._key, self._kept[0])
            await cast("EventDeletion", self._engine).delete_events(self._key, up_to=self._kept[0])

    def _failed(self, sequence_number: int, error: Exception) -> None:
        log_snapshot_failure(self._persistence, self._key, sequence_number, error)


async def is_in_journal(persistence: Persistence, latest: PersistedSnapshot) -> bool:
    """Tells whether the journal still holds the event that the latest snapshot stands on. If not, delete nothing.

    After a failover that lost events it may not: the events there may need what would be deleted.

    Raises:
        JournalChangedError: The journal has another event there, or ends before it.
    """
    key, number = latest.key, latest.sequence_number
    found = await first_event_from(persistence.engine, key, number)
    if found is not None and found.is_deleted and found.sequence_number > number:
        return False  # another process has persisted more events, and deleted these
    if found is None or found.sequence_number != number or latest.event_id not in {None, found.event_id}:
        raise JournalChangedError(key, number, found)
    return True


async def check_snapshot_readable(
    persistence: Persistence, options: JournalOptions, key: str, sequence_number: int
) -> None:
    """Raises unless the snapshot that is to replace events is stored and can be decoded."""
    store = cast("SnapshotStore", persistence.engine)
    snapshot = await store.latest_snapshot(key, up_to=sequence_number)
    if snapshot is None or snapshot.sequence_number != sequence_number:
        raise CorruptJournalError("the snapshot isn't there any more", key, sequence_number)
    if options.snapshot_decoder is not None:
        options.snapshot_decoder(snapshot.data)


def snapshot_of(
    key: str,
    sequence_number: int,
    event_id: str | None,
    state: Any,
    options: JournalOptions,
    *,
    metadata: Mapping[str, Any] | None = None,
) -> PersistedSnapshot:
    """A snapshot of the state as it is now: it shares no object with the state."""
    encoder = options.snapshot_encoder
    text = json_data.encode(state if encoder is None else encoder(state))
    data = json_data.decode(text)
    return PersistedSnapshot(
        key=key, sequence_number=sequence_number, data=data, event_id=event_id, metadata=dict(metadata or {})
    )


async def store_snapshot(persistence: Persistence, snapshot: PersistedSnapshot) -> None:
    """Stores the snapshot, observed if the system is."""
    store, observer = cast("SnapshotStore", persistence.engine), persistence.observer
    with UNOBSERVED if observer is None else observer.taking_snapshot(snapshot.key, snapshot.sequence_number):
        await store.take_snapshot(snapshot)


def log_snapshot_failure(persistence: Persistence, key: str, sequence_number: int, error: Exception) -> None:
    """Counts and logs a snapshot that couldn't be taken."""
    persistence.snapshot_failed()
    logger.error(
        "no snapshot of key %r at %d, the next one is tried when it is due: %r",
        key, sequence_number, error,
        exc_info=error, extra={"nact_key": key, "nact_sequence_number": sequence_number},
    )  # fmt: skip
