"""When a persistent actor's snapshots are taken, and which are kept."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from nact._observing import UNWATCHED
from nact._scheduler import first_step
from nact.persistence import json_data
from nact.persistence.records import PersistedSnapshot

if TYPE_CHECKING:
    from nact._cell import Cell
    from nact.persistence._configuration import Persistence
    from nact.persistence._options import JournalOptions, Retention
    from nact.persistence.engine import EventDeletion, SnapshotStore

logger = logging.getLogger("nact.persistence")


class Snapshots:
    """Takes one actor's snapshots beside its messages, one at a time. Failing is never fatal."""

    __slots__ = ("_engine", "_kept", "_key", "_last", "_options", "_persistence", "_taking")

    def __init__(self, key: str, persistence: Persistence, options: JournalOptions) -> None:
        self._key = key
        self._persistence = persistence
        self._options = options
        self._engine = cast("SnapshotStore", persistence.engine)  # as `checked_journal_options` made sure
        self._last = 0  # where one was last tried
        self._kept: deque[int] = deque()  # the sequence numbers of those known to be stored, oldest first
        self._taking = False

    def begin(self, latest: int) -> None:
        """The actor has recovered, from the snapshot at this sequence number; 0 for none."""
        self._last = latest
        self._kept = deque([latest] if latest else [])

    def are_due(self, sequence_number: int) -> bool:
        """Whether enough events were stored since the last snapshot."""
        every = self._options.snapshot_every
        return every is not None and sequence_number - self._last >= every and not self._taking

    def take(self, cell: Cell, state: Any, sequence_number: int) -> None:
        """Takes a snapshot. What the actor does to its state from now on doesn't get into it."""
        self._last = sequence_number
        try:
            snapshot = captured(self._key, sequence_number, state, self._options)
        except Exception as error:
            self._failed(sequence_number, error)
            return
        self._taking = True
        cell.leaving += 1
        _ = cell.system.scheduler.spawn(self._store(cell, snapshot))

    async def _store(self, cell: Cell, snapshot: PersistedSnapshot) -> None:
        try:
            await first_step()
            await keep(self._persistence, snapshot)
            self._kept.append(snapshot.sequence_number)
            if self._options.retention is not None:
                await self._retain(self._options.retention)
        except Exception as error:
            self._failed(snapshot.sequence_number, error)
        finally:
            self._taking = False
            cell.left()

    async def _retain(self, retention: Retention) -> None:
        """Snapshots first: an event goes only when no snapshot that needs it is left."""
        too_old = 0
        while len(self._kept) > retention.snapshots:
            too_old = self._kept.popleft()
        if too_old:
            await self._engine.delete_snapshots(self._key, up_to=too_old)
        if retention.delete_events and len(self._kept) == retention.snapshots:
            await cast("EventDeletion", self._engine).delete_events(self._key, up_to=self._kept[0])

    def _failed(self, sequence_number: int, error: Exception) -> None:
        log_failed(self._persistence, self._key, sequence_number, error)


def captured(key: str, sequence_number: int, state: Any, options: JournalOptions) -> PersistedSnapshot:
    """A snapshot that holds nothing of the living state: what is done to it later doesn't get in."""
    encoder = options.snapshot_encoder
    text = json_data.encode(state if encoder is None else encoder(state))
    return PersistedSnapshot(key=key, sequence_number=sequence_number, data=json_data.decode(text))


async def keep(persistence: Persistence, snapshot: PersistedSnapshot) -> None:
    """Stores the snapshot."""
    store, observer = cast("SnapshotStore", persistence.engine), persistence.observer
    with UNWATCHED if observer is None else observer.taking_snapshot(snapshot.key, snapshot.sequence_number):
        await store.take_snapshot(snapshot)


def log_failed(persistence: Persistence, key: str, sequence_number: int, error: Exception) -> None:
    """Counts and logs a snapshot that couldn't be taken."""
    persistence.snapshot_failed()
    logger.error(
        "no snapshot of key %r at %d, the next one is tried when it is due: %r",
        key, sequence_number, error,
        exc_info=error, extra={"nact_key": key, "nact_sequence_number": sequence_number},
    )  # fmt: skip
