"""The journal of one persistent actor: its position, the write in progress, and the writes with an unknown outcome.

Memory must never silently disagree with the journal. When the outcome of a write isn't known, the actor is *out of
sync*: it persists nothing more, and after the message in progress it recovers again, or stops.

The file is longer than others because its methods share a dozen fields, and a persist passes through most of them: a
second object would cost each event calls and allocations.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec import structs

from nact._actor.orders import YIELD
from nact._actor.supervision import task_is_cancelled
from nact._runtime.observing import UNOBSERVED, observed
from nact.errors import PersistUsageError, SequenceConflictError
from nact.persistence._actor.catching_up import catch_up, is_immutable
from nact.persistence._actor.commands import Commands, checked_command_id, metadata_of
from nact.persistence._actor.configuration import Persistence, Writer
from nact.persistence._actor.housekeeping import Housekeeping, current_state
from nact.persistence._actor.reading import Reader, first_event_from
from nact.persistence._actor.recovery import fold_state, recover_state
from nact.persistence._actor.recovery_slots import RecoverySlot
from nact.persistence._actor.snapshots import Snapshots
from nact.persistence._actor.writes import all_done, is_harmless, tracked
from nact.persistence.context import NOT_GIVEN, PersistentContext, ReplayContext
from nact.persistence.engine import AtomicBatches
from nact.persistence.records import PersistedEvent, PersistedSnapshot
from nact.references import NOBODY, ActorRef

if TYPE_CHECKING:
    from nact._actor.cell import Cell
    from nact.persistence._actor.options import JournalOptions
    from nact.persistence._actor.outages import Outage


_MOST_IN_DOUBT: Final = 1000
"""The number of events with an unknown outcome that are remembered."""


class Journal:
    """Makes a cell persistent: recovers its state, and stores its events.

    Attributes:
        live_context: Makes the context of a message. The cell sets it as `current`.
    """

    live_context: ClassVar[type[PersistentContext[Any, Any]]] = PersistentContext

    __slots__ = (
        "_end_waiter", "_has_ended", "_in_doubt", "_predecessor", "_stands_on", "_write_waiter", "_writes", "cell",
        "commands", "current", "event_id", "has_persisted", "is_writing", "key", "options", "out_of_sync", "outage",
        "persistence", "recovered", "replayed", "sequence_number", "snapshots", "state_to_return",
    )  # fmt: skip

    def __init__(  # noqa: PLR0915 - a line for each slot
        self, key: str, persistence: Persistence, options: JournalOptions
    ) -> None:
        self.key = key
        self.persistence = persistence
        self.options = options
        self.sequence_number = 0
        """The number of the last event that is known to be stored."""
        self.event_id: str | None = None
        """The id of that event; `None` before the first one, or where an old snapshot doesn't name it."""
        self.current: PersistentContext[Any, Any] | None = None
        """The context of the message in progress: only this one may persist."""
        self.recovered = False
        self.replayed: PersistedEvent | None = None
        """The event that is being replayed."""
        self.commands = Commands(options.remember_commands)
        self.state_to_return: Any = NOT_GIVEN
        """The state that the handler has to return, after it has erased the journal."""
        self.out_of_sync: BaseException | None = None
        """The reason why memory may disagree with the journal; `None` while they agree."""
        self.snapshots = None if options.snapshot_every is None else Snapshots(key, persistence, options)
        self._writes: list[CoroutineType[Any, Any, Any]] = []  # begun by the message in progress
        self.is_writing = self._has_ended = False
        self.has_persisted = False
        """Whether the message in progress has changed what is stored."""
        self._stands_on: int | None = None  # the last event in the state of a failed message; None if that is uncertain
        self.outage: Outage | None = None
        self._in_doubt: deque[str] | None = None  # ids of events whose writes may still arrive
        self._write_waiter: asyncio.Future[None] | None = None  # done when the write in progress is
        self._predecessor: Writer | None = None  # the last actor that wrote to this key, if it hasn't ended yet
        self._end_waiter: asyncio.Future[None] | None = None  # done when this actor has ended

    def bind(self, cell: Cell) -> None:
        """Called once, by the cell that owns the journal."""
        self.cell = cell

    def new_context(self, sender: ActorRef[Any]) -> PersistentContext[Any, Any]:
        make: type[PersistentContext[Any, Any]] = PersistentContext if self.recovered else ReplayContext
        self.current = context = make(self.cell, sender, self)
        return context

    # --- the life of the actor ---------------------------------------------------------------------------------------

    def claim(self) -> None:
        """Makes the actor the only writer of its key in this system."""
        self._predecessor = self.persistence.claim(self.key, self.cell)

    def release(self) -> None:
        """Called when the actor has ended: another one may write to its key from now on."""
        self.current = None
        self.persistence.release(self.key, self.cell, self._running_predecessor())
        self._has_ended = True
        if self._end_waiter is not None:
            self._end_waiter.set_result(None)

    async def recover(self) -> bool:
        """Gives the cell the state that follows from the journal.

        Returns:
            False if the handler failed, and its policy decided to stop or reset the actor.
        """
        if self.outage is not None and self.outage.delay:
            delay, self.outage.delay = self.outage.delay, 0.0
            await self.cell.unless_stopped(asyncio.sleep(delay))
        while (predecessor := self._running_predecessor()) is not None and predecessor.journal is not None:
            await predecessor.journal.ended()
        while self.is_writing:
            await self._write_done()
        reader = Reader(self.persistence, self.key, self.key, self.options)
        observer = self.persistence.observer
        with UNOBSERVED if observer is None else observer.recovering(reader):
            slot = RecoverySlot(self.persistence.recoveries)
            if not await slot.holding(self._recovery(reader, slot)):
                return False
        if self.snapshots is not None:
            self.snapshots.begin(reader.start.sequence_number)
        self._go_live(reader)
        return True

    def _recovery(self, reader: Reader, slot: RecoverySlot) -> Coroutine[Any, Any, bool]:
        if self.options.apply is not None:
            return fold_state(self.cell, self, reader, self.options.apply, slot)
        return recover_state(self.cell, self, reader, self.new_context(NOBODY), slot)

    def _catching_up(self, reader: Reader, slot: RecoverySlot) -> Coroutine[Any, Any, bool]:
        return catch_up(self.cell, self, reader, self.new_context(NOBODY), slot)

    async def _catch_up(self) -> bool:
        """Brings the state up to date by reading only the events after it, where that is certainly right.

        Returns:
            False if it isn't certain, or failed: the actor has to recover.
        """
        if self.is_writing or self._stands_on != self.sequence_number or not is_immutable(self.cell.state):
            return False
        reader = Reader.after(self.persistence, self.key, self.options, self.sequence_number, self.event_id)
        observer = self.persistence.observer
        self.recovered = False
        try:
            with UNOBSERVED if observer is None else observer.recovering(reader):
                slot = RecoverySlot(self.persistence.recoveries)
                if not await slot.holding(self._catching_up(reader, slot)):
                    return False
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and task_is_cancelled():
                raise
            return False  # if the fault persists, the recovery meets it again, and the policy decides about it
        self._go_live(reader)
        return True

    def _go_live(self, reader: Reader) -> None:
        self.sequence_number, self.event_id = reader.position, reader.event_id
        self.out_of_sync = self.current = self.replayed = None
        self.state_to_return = NOT_GIVEN
        self.has_persisted = False
        self.recovered = True
        if self.snapshots is not None:
            self.after_message(self.cell, self.cell.state)

    def _running_predecessor(self) -> Writer | None:
        """The last actor that wrote to this key, if it hasn't ended yet."""
        while (
            (before := self._predecessor) is not None and (journal := before.journal) is not None and journal._has_ended
        ):
            self._predecessor = journal._predecessor  # which may run on: a stop may have ended the wait for its end
        return self._predecessor

    async def ended(self) -> None:
        """Returns when the actor, which is stopping, has ended."""
        if self._end_waiter is None:
            self._end_waiter = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._end_waiter])

    def after_message(self, cell: Cell, state: Any) -> BaseException | None:
        """Ends the handling of a message. Returns a fault that the handler didn't raise: an unawaited persist, say."""
        self.current = None
        if self._writes:
            self._check_writes_done()
            self._check_state_returned(state)
        if self.out_of_sync is not None:
            return self.out_of_sync
        self.has_persisted = False
        if self.snapshots is not None and self.snapshots.are_due(self.sequence_number):
            self.snapshots.take(cell, state, self.sequence_number, self.event_id, self.commands.metadata())
            # An engine that never waits would let no other snapshot be stored during a burst of messages.
            cell.orders |= YIELD
        return None

    def before_supervision(self) -> None:
        """Ends the handling of a message whose handler raised: the state stays as it was, whatever was stored."""
        self.current = None
        if self._writes:
            self._check_writes_done()
            self._check_state_returned(NOT_GIVEN)
        if self.has_persisted and self.out_of_sync is None:
            self.out_of_sync = PersistUsageError("the handler raised after it had persisted")
        self._stands_on = None if self.has_persisted else self.sequence_number
        self.has_persisted = False

    async def after_supervision(self) -> None:
        """Follows the policy's decision about a fault. An actor that is out of sync never just resumes."""
        cell = self.cell
        if cell.is_stopping:
            return
        if isinstance(self.out_of_sync, SequenceConflictError):
            if await self._conflicts_with_itself(self.out_of_sync):
                cell.order_reset()
                return
            cell.runtime.log_fault(cell.ref, f"stops: another writer uses its key {self.key!r}", self.out_of_sync)
            cell.stop(self.out_of_sync)
        elif not self.recovered and not cell.orders:
            error = PersistUsageError("resume isn't possible for an actor that hasn't recovered")
            cell.runtime.log_fault(cell.ref, "stops: it has no state to go on with", error)
            cell.stop(error)
        elif self.out_of_sync is not None and (cell.orders or not await self._catch_up()):
            cell.order_reset()

    async def _conflicts_with_itself(self, conflict: SequenceConflictError) -> bool:
        """Tells whether an earlier write of this actor took the number: it was given up, and arrived late."""
        if self._in_doubt is None:
            return False
        stored = await first_event_from(self.persistence.engine, self.key, conflict.attempted)
        return stored is not None and stored.event_id in self._in_doubt

    # --- writing ----------------------------------------------------------------------------------------------------

    def persist(
        self,
        context: PersistentContext[Any, Any],
        event: Any,
        tags: Collection[str],
        metadata: Mapping[str, Any] | None,
        command_id: str | None,
    ) -> Coroutine[Any, Any, PersistedEvent]:
        self._check_may_write(context)
        if metadata is not None or command_id is not None:
            metadata = metadata_of(metadata, command_id)
        return tracked(self._persist(event, tags, metadata), self._writes)

    def persist_all(
        self,
        context: PersistentContext[Any, Any],
        events: Sequence[Any],
        tags: Collection[str],
        metadata: Mapping[str, Any] | None,
        command_id: str | None,
    ) -> Coroutine[Any, Any, Sequence[PersistedEvent]]:
        self._check_may_write(context)
        if not isinstance(self.persistence.engine, AtomicBatches):
            raise PersistUsageError(f"{self.persistence.engine!r} can't store several events atomically")
        if isinstance(events, str | bytes) or not isinstance(events, Sequence):
            raise PersistUsageError(f"persist_all takes a sequence of events, not {events!r:.200}")
        if metadata is not None or command_id is not None:
            metadata = metadata_of(metadata, command_id)
        return tracked(self._persist_all(self.persistence.engine, events, tags, metadata), self._writes)

    async def _persist(self, msg: Any, tags: Collection[str], metadata: Mapping[str, Any] | None) -> PersistedEvent:
        if self.is_writing or self.out_of_sync is not None:
            await self._wait_for_turn()
        event = self._event(msg, tags, metadata, 1)
        self.is_writing = True
        try:
            await self._observed(self.persistence.engine.persist(event), 1)
        except BaseException as error:
            self._failed(error, (event,))
            raise
        self._succeeded(1, event)
        if metadata is not None:
            self.commands.remember(event)
        return event if self.options.encoder is None else structs.replace(event, data=msg)

    async def _persist_all(
        self, engine: AtomicBatches, msgs: Sequence[Any], tags: Collection[str], metadata: Mapping[str, Any] | None
    ) -> Sequence[PersistedEvent]:
        if self.is_writing or self.out_of_sync is not None:
            await self._wait_for_turn()
        if not msgs:
            return []
        events = [self._event(msg, tags, metadata, place) for place, msg in enumerate(msgs, 1)]
        self.is_writing = True
        try:
            await self._observed(engine.persist_all(events), len(events))
        except BaseException as error:
            self._failed(error, events)
            raise
        self._succeeded(len(events), events[-1])
        if metadata is not None:
            for event in events:
                self.commands.remember(event)
        if self.options.encoder is None:
            return events
        return [structs.replace(event, data=msg) for event, msg in zip(events, msgs, strict=True)]

    def _observed(self, write: Awaitable[None], count: int) -> Awaitable[None]:
        observer = self.persistence.observer
        if observer is None:
            return write
        return observed(write, observer.persisting(self.key, self.sequence_number + 1, count))

    async def _wait_for_turn(self) -> None:
        while self.is_writing:
            await self._write_done()
        if self.out_of_sync is not None:
            raise PersistUsageError("an earlier persist failed; this one isn't tried") from self.out_of_sync

    def _event(self, msg: Any, tags: Collection[str], metadata: Mapping[str, Any] | None, place: int) -> PersistedEvent:
        encoder = self.options.encoder
        return PersistedEvent(
            key=self.key,
            sequence_number=self.sequence_number + place,
            data=msg if encoder is None else encoder(msg),
            tags=tags,  # type: ignore[arg-type]  # any collection; the record sorts them
            metadata={} if metadata is None else {**metadata},
        )

    # --- snapshots and deletion by the handler ------------------------------------------------------------------------

    def replayed_event(self) -> PersistedEvent | None:
        """The record that is being replayed, with its event decoded."""
        record, decoder = self.replayed, self.options.decoder
        return record if record is None or decoder is None else structs.replace(record, data=decoder(record.data))

    def seen(self, command_id: str) -> tuple[int, ...]:
        return self.commands.seen(checked_command_id(command_id))

    def snapshot(self, context: PersistentContext[Any, Any], state: Any) -> Coroutine[Any, Any, PersistedSnapshot]:
        self._check_may_write(context)
        return tracked(Housekeeping(self).snapshot(current_state(self, "snapshot", state)), self._writes)

    def forget_events(self, context: PersistentContext[Any, Any], state: Any) -> Coroutine[Any, Any, None]:
        self._check_may_write(context)
        return tracked(Housekeeping(self).forget_events(current_state(self, "forget_events", state)), self._writes)

    def erase(self, context: PersistentContext[Any, Any], state: Any) -> Coroutine[Any, Any, Any]:
        self._check_may_write(context)
        return tracked(Housekeeping(self).erase(state), self._writes)

    @asynccontextmanager
    async def writing_after(self, number: int) -> AsyncIterator[None]:
        """Counts as a write in progress for the length of the block, which begins after the writes before it.

        Raises:
            PersistUsageError: One of them stored an event, so that `number` isn't the last one any more.
        """
        if self.is_writing or self.out_of_sync is not None:
            await self._wait_for_turn()
        if self.sequence_number != number:
            raise PersistUsageError("an event was persisted meanwhile: await ctx.persist before this")
        self.is_writing = True
        try:
            if self.snapshots is not None:
                await self.snapshots.settled()
            yield
        finally:
            self._end_write()

    def _check_state_returned(self, returned: Any) -> None:
        """Checks, after a message that erased the journal, that the handler returned the state that remains there."""
        state, self.state_to_return = self.state_to_return, NOT_GIVEN
        if state is not NOT_GIVEN and returned is not state and self.out_of_sync is None:
            self.out_of_sync = PersistUsageError(
                "the handler erased its journal: it has to return what ctx.erase returned"
            )

    # Methods rather than a coroutine around the write: that would be one more to make, resume and collect per event.

    def _succeeded(self, count: int, last: PersistedEvent) -> None:
        self.sequence_number += count
        self.event_id = last.event_id
        self.has_persisted = True
        self._in_doubt = None  # their numbers are taken now: they can't be stored any more
        self._end_write()

    def _failed(self, error: BaseException, events: Sequence[PersistedEvent]) -> None:
        if not is_harmless(error):
            self.out_of_sync = error
            if not isinstance(error, SequenceConflictError):
                self._in_doubt = deque(self._in_doubt or (), maxlen=_MOST_IN_DOUBT)
                self._in_doubt.extend(event.event_id for event in events)
        self._end_write()

    def _end_write(self) -> None:
        self.is_writing = False
        if self._write_waiter is not None:
            self._write_waiter.set_result(None)
            self._write_waiter = None

    async def _write_done(self) -> None:
        if self._write_waiter is None:
            self._write_waiter = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._write_waiter])  # awaited directly, it would be cancelled with any one of its waiters

    def _check_may_write(self, context: PersistentContext[Any, Any]) -> None:
        cell = self.cell
        if not self.recovered:
            raise PersistUsageError(
                f"{cell.ref.path} is recovering: what it handles is in the journal already. Check ctx.recovering first"
            )
        if context is not self.current or not cell.scheduled:
            raise PersistUsageError(
                f"{cell.ref.path} has handled the message that this ctx belongs to. Await ctx.persist before the "
                "handler returns; a task that outlives the message sends the actor a new one, and that persists"
            )
        if self.state_to_return is not NOT_GIVEN:
            raise PersistUsageError(
                "this message has erased the journal: return what ctx.erase returned, and persist in another message"
            )

    def _check_writes_done(self) -> None:
        """Checks, after a message, that its writes are done: otherwise the state may contain events or lack them."""
        if not all_done(self._writes) and self.out_of_sync is None:
            self.out_of_sync = PersistUsageError(
                "the handler returned before its ctx.persist (or ctx.snapshot, ...) was done: await it"
            )
        self._writes.clear()
