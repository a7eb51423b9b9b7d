"""Reads a journal with open eyes: the latest usable snapshot, then the events behind it, each where it belongs.

Used by actors that recover and by persistent queries.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, NamedTuple

from nact.errors import CorruptJournalError
from nact.persistence._options import Codec
from nact.persistence.engine import HighestSequenceNumber
from nact.persistence.records import PersistedEvent

if TYPE_CHECKING:
    from nact.persistence._configuration import Persistence

logger = logging.getLogger("nact.persistence")


class Start(NamedTuple):
    """What a journal is read from: the state of a snapshot, or, where `sequence_number` is 0, the initial state."""

    state: Any
    sequence_number: int


class Reader:
    """Reads one key's journal to its end, and later on from there.

    A snapshot that can't be read, or is ahead of the journal, is logged and counted; an older one, or none, is used.
    That must lose nothing: where the events that the snapshot stood for were deleted, the journal is corrupt.

    Attributes:
        key: Whose journal it is.
        position: The sequence number of the last event read, deleted ones counted.
        start: What it was read from.
    """

    __slots__ = (
        "_begun", "_decoder", "_engine", "_persistence", "_rejected_at", "_snapshot_decoder", "_snapshot_key",
        "key", "position", "start",
    )  # fmt: skip

    def __init__(
        self,
        persistence: Persistence,
        key: str,
        decoder: Codec | None,
        snapshot_key: str | None,
        snapshot_decoder: Codec | None,
    ) -> None:
        self._persistence = persistence
        self._engine = persistence.engine
        self.key = key
        self._decoder = decoder
        self._snapshot_key = snapshot_key
        self._snapshot_decoder = snapshot_decoder
        self._begun = False
        self._rejected_at: int | None = None
        self.position = 0
        self.start = Start(None, 0)

    async def read(self) -> AsyncGenerator[Start | PersistedEvent, None]:
        """A `Start`, then every event behind it that isn't deleted; called again, only what is new since.

        Another `Start` in between says that the one before was no good, and that all begins again.

        Raises:
            CorruptJournalError: Something is missing, or out of order. Says where.
        """
        begins_at = 0
        while True:
            if not self._begun:
                self.start = await self._readable_start()
                begins_at = self.start.sequence_number
                # From the snapshot's own event on: that it is there shows that the snapshot isn't ahead.
                self.position = max(0, begins_at - 1)
                yield self.start
            events = self._engine.events(self.key, after=self.position)
            try:
                async for event in events:
                    self._advance(event, begins_at)
                    if event.sequence_number > begins_at and not event.is_deleted:
                        yield event
            finally:
                if isinstance(events, AsyncGenerator):
                    await events.aclose()  # now, and not when it is collected: the engine may be closed by then
            if self._begun or await self._reaches(begins_at):
                self._begun = True
                return
            self._reject(begins_at, CorruptJournalError("it is ahead of its journal", self._snapshot_key, begins_at))

    def decode(self, event: PersistedEvent) -> Any:
        """The message that the event holds.

        Raises:
            CorruptJournalError: The decoder refuses it.
        """
        if self._decoder is None:
            return event.data
        try:
            return self._decoder(event.data)
        except Exception as error:
            reason = f"the decoder refuses {event.data!r:.200}: {error!r}"
            raise CorruptJournalError(reason, self.key, event.sequence_number) from error

    def _advance(self, event: PersistedEvent, begins_at: int) -> None:
        number, expected = event.sequence_number, self.position + 1
        if number != expected:
            behind_tombstone = event.is_deleted and number > expected
            behind_purge = expected == begins_at and number == begins_at + 1
            if not (behind_tombstone or behind_purge):
                raise CorruptJournalError(f"event {expected} is missing; {number} comes next", self.key, expected)
        if event.is_deleted and self._rejected_at is not None and begins_at < number <= self._rejected_at:
            reason = f"the snapshot at {self._rejected_at} is of no use, and events that it stood for were deleted"
            raise CorruptJournalError(reason, self.key, number)
        self.position = number

    async def _reaches(self, begins_at: int) -> bool:
        """Whether the journal goes as far as the snapshot that it was read from."""
        if self.position == 0 and self._rejected_at is not None:
            reason = f"there is a snapshot at {self._rejected_at}, but no event: restore those, or delete it"
            raise CorruptJournalError(reason, self.key)
        if self.position < begins_at and isinstance(self._engine, HighestSequenceNumber):
            self.position = min(begins_at, await self._engine.highest_sequence_number(self.key))
        return self.position >= begins_at

    async def _readable_start(self) -> Start:
        store, key = self._persistence.snapshot_store, self._snapshot_key
        if key is None or store is None:
            return Start(None, 0)
        while self._rejected_at is None or self._rejected_at > 1:
            try:
                if self._rejected_at is None:
                    snapshot = await store.latest_snapshot(key)
                else:
                    snapshot = await store.latest_snapshot(key, up_to=self._rejected_at - 1)
            except CorruptJournalError as error:
                self._reject(error.sequence_number or 1, error)
                continue
            if snapshot is None:
                break
            try:
                state = snapshot.data if self._snapshot_decoder is None else self._snapshot_decoder(snapshot.data)
            except Exception as error:
                self._reject(snapshot.sequence_number, error)
                continue
            return Start(state, snapshot.sequence_number)
        return Start(None, 0)

    def _reject(self, sequence_number: int, why: Exception) -> None:
        self._persistence.snapshot_failed()
        self._rejected_at = sequence_number
        logger.error(
            "the snapshot of key %r at %d can't be used; going on with an older one, or all events: %r",
            self._snapshot_key, sequence_number, why,
            extra={"nact_key": self._snapshot_key, "nact_sequence_number": sequence_number},
        )  # fmt: skip
