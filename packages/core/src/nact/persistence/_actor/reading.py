"""Reads a journal and checks it: the latest usable snapshot, then the events after it, with none missing.

Recovering actors and persistent queries use it. Other processes may take snapshots and delete events meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from nact.errors import CorruptJournalError
from nact.persistence._actor.options import JournalOptions
from nact.persistence.engine import HighestSequenceNumber, PersistenceEngine
from nact.persistence.records import PersistedEvent, PersistedSnapshot

if TYPE_CHECKING:
    from nact.persistence._actor.configuration import Persistence

logger = logging.getLogger("nact.persistence")


class Start(NamedTuple):
    """The start of a reading: the state of a snapshot; or the initial state, where `sequence_number` is 0."""

    state: Any
    sequence_number: int
    event_id: str | None = None
    created_at: int = 0
    metadata: Mapping[str, Any] = {}


_AT_THE_BEGINNING = Start(None, 0)


@asynccontextmanager
async def closing_events(events: AsyncIterator[PersistedEvent]) -> AsyncIterator[None]:
    """Closes a replay when the block ends. The garbage collector would close it later, perhaps after the engine."""
    try:
        yield
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()


async def first_event_from(engine: PersistenceEngine, key: str, sequence_number: int) -> PersistedEvent | None:
    """The first event or tombstone with this number or a higher one; `None` if the journal ends before."""
    events = engine.events(key, after=sequence_number - 1, limit=1)
    async with closing_events(events):
        return await anext(aiter(events), None)


class Reader:
    """Reads one key's journal to its end; each later reading continues from there.

    What was read *stands on* one event: the snapshot's, or the last one read. The replay begins with that event, to
    make sure that the journal still holds it. After a failover that lost events, or a partial restore, it doesn't.

    - A snapshot that can't be read, or that stands on a missing event, is logged and counted. The reader then uses an
      older snapshot, or none.
    - A snapshot has to cover the events that were deleted. If none does, the reader looks for a newer snapshot, since
      another process may have taken one just before it deleted the events; from a newer one it starts again.
      Otherwise the state can't be restored: the reading raises, or with `skip_deleted` leaves the events out.

    Attributes:
        key: The persistence key.
        position: The sequence number of the last event read, deleted ones counted.
        event_id: The id of that event; `None` at the beginning, or where an old snapshot doesn't name it.
        start: The snapshot, or the beginning, that the reading started from.
    """

    __slots__ = (
        "_has_started", "_last_skipped", "_options", "_persistence", "_rejected", "_restart_from", "_snapshot_key",
        "event_id", "key", "position", "start",
    )  # fmt: skip

    def __init__(self, persistence: Persistence, key: str, snapshot_key: str | None, options: JournalOptions) -> None:
        self._persistence = persistence
        self.key = key
        self._snapshot_key = snapshot_key
        self._options = options
        self._has_started = False
        self._restart_from: Start | None = None  # the newer snapshot to start again from
        self._rejected: dict[int, Exception] = {}  # snapshots that can't be used, by sequence number
        self._last_skipped = 0  # the number of the last deleted event that was left out
        self.position = 0
        self.event_id: str | None = None
        self.start = _AT_THE_BEGINNING

    @classmethod
    def after(
        cls, persistence: Persistence, key: str, options: JournalOptions, sequence_number: int, event_id: str | None
    ) -> Reader:
        """A reader that continues after this event, as if it had read up to it."""
        reader = cls(persistence, key, key, options)
        reader.position, reader.event_id, reader._has_started = sequence_number, event_id, True
        reader.start = Start(None, sequence_number, event_id)
        return reader

    async def read(self) -> AsyncGenerator[Start | PersistedEvent, None]:
        """Yields a `Start`, then every event after it that isn't deleted. Called again, yields only the new events.

        Another `Start` in between invalidates everything before it: the reading starts again.

        Raises:
            CorruptJournalError: An event is missing, out of order, or deleted and not covered by a snapshot. Says
                which one.
        """
        while True:
            if not self._has_started:
                yield await self._begin()
            stands_on = self.position
            self.position = max(0, stands_on - 1)
            events = self._persistence.engine.events(self.key, after=self.position)
            async with closing_events(events):
                async for event in events:
                    number, is_deleted = event.sequence_number, event.is_deleted
                    is_next = number == self.position + 1 and number > stands_on and not is_deleted
                    if not is_next and not await self._is_acceptable(event, stands_on):
                        break
                    self.position, self.event_id = number, event.event_id
                    if number > stands_on and not is_deleted:
                        yield event
                else:
                    self._has_started = await self._is_complete(stands_on)
            if self._has_started:
                self._rejected.clear()
                return

    def decode(self, event: PersistedEvent) -> Any:
        """The message that the event holds.

        Raises:
            CorruptJournalError: The decoder refuses it.
        """
        decoder = self._options.decoder
        if decoder is None:
            return event.data
        try:
            return decoder(event.data)
        except Exception as error:
            reason = f"the decoder refuses what is stored: {error!r}"  # without the data: this ends up in logs
            raise CorruptJournalError(reason, self.key, event.sequence_number) from error

    async def _is_acceptable(self, event: PersistedEvent, stands_on: int) -> bool:
        """Tells whether an event that isn't simply the next one is in order. If not, the reading starts again."""
        number = event.sequence_number
        if number == stands_on and self.position < stands_on:
            if self.event_id == event.event_id:
                return True
            if self.event_id is None:
                return self._is_covered_by_time(event)
            return self._begin_again(f"it stands on another event {number} than the one in the journal")
        if event.is_deleted and number > self.position:
            return await self._is_skippable(event, stands_on)
        if number > stands_on > self.position and self.event_id is not None:
            return self._begin_again(f"the event {stands_on} that it stands on isn't in the journal")
        if number == stands_on + 1 and self.position < stands_on:
            return True  # the old snapshot's event was removed without a tombstone, as nact for JavaScript may do
        expected = self.position + 1
        raise CorruptJournalError(f"event {expected} is missing; {number} comes next", self.key, expected)

    def _is_covered_by_time(self, event: PersistedEvent) -> bool:
        """Tells whether a snapshot that doesn't name its event contains this one: whether it was taken later.

        nact for JavaScript counts the number of an event that it failed to store, and may take a snapshot there. Such a
        snapshot doesn't contain the event that is stored under its number later.
        """
        is_covered = event.created_at <= self.start.created_at
        return is_covered or self._begin_again(f"event {event.sequence_number} was stored after it was taken")

    async def _is_skippable(self, tombstone: PersistedEvent, stands_on: int) -> bool:
        """Tells whether to go on after deleted events that nothing read so far covers. Looks for a newer snapshot."""
        number = tombstone.sequence_number
        is_one_more = 0 < self._last_skipped == self.position == number - 1  # old journals mark each deleted event
        if not is_one_more:
            latest = await self._latest_start()
            if latest.sequence_number >= number:
                self._restart_from, self._has_started = latest, False
                return False
        if self._options.skip_deleted:
            self._last_skipped = number
            return True
        first = max(self.position, stands_on) + 1
        deleted = f"event {number} was" if first == number else f"events {first} to {number} were"
        tried = "".join(f"; the snapshot at {at} can't be used: {why}" for at, why in self._rejected.items())
        raise CorruptJournalError(
            f"{deleted} deleted, and no snapshot covers what they stood for{tried}. Restore the events or a snapshot "
            f"at {number} or later from a backup, or give skip_deleted=True to go on without them",
            self.key,
            number,
        )

    async def _is_complete(self, stands_on: int) -> bool:
        """Tells, at the journal's end, whether it reaches the event that was read before. If not, starts again."""
        if self.position == 0 and self._rejected:
            reason = f"there is a snapshot at {max(self._rejected)}, but no event: restore those, or delete it"
            raise CorruptJournalError(reason, self.key)
        engine = self._persistence.engine
        if self.position < stands_on and self.event_id is None and isinstance(engine, HighestSequenceNumber):
            self.position = min(stands_on, await engine.highest_sequence_number(self.key))
        return self.position >= stands_on or self._begin_again("it is ahead of its journal")

    def _begin_again(self, why: str) -> bool:
        """Discards what was read: it contradicts the journal as it is now."""
        if self._has_started:
            logger.error(
                "the journal of key %r is no longer what was read up to event %d; it is read again from the start",
                self.key, self.position + 1, extra={"nact_key": self.key, "nact_sequence_number": self.position + 1},
            )  # fmt: skip
            self._has_started = False
        else:
            at = self.start.sequence_number
            self._reject(at, CorruptJournalError(why, self._snapshot_key, at))
        return False

    async def _begin(self) -> Start:
        self.start = await self._latest_start() if self._restart_from is None else self._restart_from
        self._restart_from = None
        self.position, self.event_id = self.start.sequence_number, self.start.event_id
        return self.start

    async def _latest_start(self) -> Start:
        """The latest snapshot that can be read and wasn't rejected, or else the beginning."""
        up_to: int | None = None
        while up_to is None or up_to > 0:
            try:
                snapshot = await self._latest_snapshot(up_to)
            except CorruptJournalError as error:
                up_to = (error.sequence_number or 1) - 1
                self._reject(up_to + 1, error)
                continue
            if snapshot is None:
                break
            up_to = snapshot.sequence_number - 1
            if up_to + 1 not in self._rejected and (start := self._decoded(snapshot)) is not None:
                return start
        return _AT_THE_BEGINNING

    async def _latest_snapshot(self, up_to: int | None) -> PersistedSnapshot | None:
        store, key = self._persistence.snapshot_store, self._snapshot_key
        if key is None or store is None:
            return None
        return await (store.latest_snapshot(key) if up_to is None else store.latest_snapshot(key, up_to=up_to))

    def _decoded(self, snapshot: PersistedSnapshot) -> Start | None:
        decoder = self._options.snapshot_decoder
        try:
            state = snapshot.data if decoder is None else decoder(snapshot.data)
        except Exception as error:
            self._reject(snapshot.sequence_number, error)
            return None
        return Start(state, snapshot.sequence_number, snapshot.event_id, snapshot.created_at, snapshot.metadata)

    def _reject(self, sequence_number: int, why: Exception) -> None:
        if sequence_number in self._rejected:
            return
        self._rejected[sequence_number] = why
        self._persistence.snapshot_failed()
        logger.error(
            "the snapshot of key %r at %d can't be used; going on with an older one, or all events: %r",
            self._snapshot_key, sequence_number, why,
            extra={"nact_key": self._snapshot_key, "nact_sequence_number": sequence_number},
        )  # fmt: skip
