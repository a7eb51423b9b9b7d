"""One persistent actor's journal: its place in it, what is being written, and what is not known.

Memory must never silently disagree with the journal. Whenever the outcome of a write isn't known, the actor is
*astray*: it persists nothing more, and after the message in progress it recovers again, or stops.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Collection, Coroutine, Mapping, Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from nact._actor.supervision import interrupted
from nact._runtime.observing import UNWATCHED, watched
from nact.errors import PersistUsageError, SequenceConflictError
from nact.persistence._actor.catching_up import catch_up, is_immutable
from nact.persistence._actor.commands import Commands, checked_command_id, metadata_of
from nact.persistence._actor.configuration import Persistence, Writer
from nact.persistence._actor.housekeeping import Housekeeping
from nact.persistence._actor.reading import Reader, event_at
from nact.persistence._actor.recovery import fold_state, recover_state
from nact.persistence._actor.slots import Slot
from nact.persistence._actor.snapshots import Snapshots
from nact.persistence._actor.writes import all_done, is_harmless, remembered
from nact.persistence.context import NOT_GIVEN, PersistentContext, ReplayContext
from nact.persistence.engine import AtomicBatches
from nact.persistence.records import PersistedEvent, PersistedSnapshot
from nact.references import NOBODY, ActorRef

if TYPE_CHECKING:
    from nact._actor.cell import Cell
    from nact.persistence._actor.options import JournalOptions
    from nact.persistence._actor.outages import Outage


_DOUBTS: Final = 1000
"""Of so many events it is remembered that their outcome isn't known."""


class Journal:
    """What makes a cell persistent.

    Attributes:
        live_context: Makes the context of a message, which then has to be `current`.
    """

    live_context: ClassVar[type[PersistentContext[Any, Any]]] = PersistentContext

    __slots__ = (
        "_before", "_cell", "_ended", "_in_doubt", "_must_return", "_over", "_stands_on", "_stored", "_turn", "_writes",
        "_writing", "astray", "commands", "current", "event_id", "key", "options", "outage", "persistence", "recovered",
        "replayed", "sequence_number", "snapshots",
    )  # fmt: skip

    def __init__(self, key: str, persistence: Persistence, options: JournalOptions) -> None:  # noqa: PLR0915 - names
        self.key = key
        self.persistence = persistence
        self.options = options
        self.sequence_number = 0
        """Of the last event that is known to be stored."""
        self.event_id: str | None = None
        """Its id; `None` before the first one, or where an old snapshot doesn't tell."""
        self.current: PersistentContext[Any, Any] | None = None
        """The context of the message in progress: no other one may persist."""
        self.recovered = False
        self.replayed: PersistedEvent | None = None
        """The event that is replayed."""
        self.commands = Commands(options.remember_commands)
        self._must_return: Any = NOT_GIVEN  # by the message in progress, for the journal was erased
        self.astray: BaseException | None = None
        """Why memory may disagree with the journal."""
        self.snapshots = None if options.snapshot_every is None else Snapshots(key, persistence, options)
        self._writes: list[CoroutineType[Any, Any, Any]] = []  # begun by the message in progress
        self._writing = self._over = False
        self._stored = False  # something, by the message in progress
        self._stands_on: int | None = None  # the event that the state of a failed message stands on, if one is certain
        self.outage: Outage | None = None
        self._in_doubt: deque[str] | None = None  # ids of events whose writes may yet arrive
        self._turn: asyncio.Future[None] | None = None  # somebody waits until the write in progress is done
        self._before: Writer | None = None  # the last actor that wrote to this key, if it hasn't ended yet
        self._ended: asyncio.Future[None] | None = None  # somebody waits until this actor has ended

    def bind(self, cell: Cell) -> None:
        """Called once, by the cell that it belongs to."""
        self._cell = cell

    def new_context(self, sender: ActorRef[Any]) -> PersistentContext[Any, Any]:
        make: type[PersistentContext[Any, Any]] = PersistentContext if self.recovered else ReplayContext
        self.current = context = make(self._cell, sender, self)
        return context

    # --- the life of the actor ---------------------------------------------------------------------------------------

    def claim(self) -> None:
        """Makes the actor the only writer of its key in this system."""
        self._before = self.persistence.claim(self.key, self._cell)

    def release(self) -> None:
        """The actor has ended: another one may write to its key."""
        self.current = None
        self.persistence.release(self.key, self._cell, self._former())
        self._over = True
        if self._ended is not None:
            self._ended.set_result(None)

    async def recover(self) -> bool:
        """Gives the cell the state that the journal tells.

        Returns:
            False if a fault on the way was judged, and the actor stops or begins again.
        """
        if self.outage is not None and self.outage.delay:
            delay, self.outage.delay = self.outage.delay, 0.0
            await self._cell.unless_stopped(asyncio.sleep(delay))
        while (former := self._former()) is not None and former.journal is not None:
            await former.journal.ended()
        while self._writing:
            await self._write_in_progress()
        reader = Reader(self.persistence, self.key, self.key, self.options)
        observer = self.persistence.observer
        with UNWATCHED if observer is None else observer.recovering(reader):
            slot = Slot(self.persistence.recoveries)
            if not await slot.holding(self._recovery(reader, slot)):
                return False
        if self.snapshots is not None:
            self.snapshots.begin(reader.start.sequence_number)
        self._go_live(reader)
        return True

    def _recovery(self, reader: Reader, slot: Slot) -> Coroutine[Any, Any, bool]:
        if self.options.apply is not None:
            return fold_state(self._cell, self, reader, self.options.apply)
        return recover_state(self._cell, self, reader, self.new_context(NOBODY), slot)

    def _catching_up(self, reader: Reader, slot: Slot) -> Coroutine[Any, Any, bool]:
        return catch_up(self._cell, self, reader, self.new_context(NOBODY), slot)

    async def _catch_up(self) -> bool:
        """Reads on from the event that the state stands on, instead of everything, where that is certainly right.

        Returns:
            False if it isn't, or didn't succeed: a recovery has to.
        """
        if self._writing or self._stands_on != self.sequence_number or not is_immutable(self._cell.state):
            return False
        reader = Reader.after(self.persistence, self.key, self.options, self.sequence_number, self.event_id)
        observer = self.persistence.observer
        self.recovered = False
        try:
            with UNWATCHED if observer is None else observer.recovering(reader):
                slot = Slot(self.persistence.recoveries)
                if not await slot.holding(self._catching_up(reader, slot)):
                    return False
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and interrupted():
                raise
            return False  # if it wasn't passing, the recovery meets it again, and has it judged
        self._go_live(reader)
        return True

    def _go_live(self, reader: Reader) -> None:
        self.sequence_number, self.event_id = reader.position, reader.event_id
        self.astray = self.current = self.replayed = None
        self._stored = False
        self.recovered = True
        if self.snapshots is not None:
            self.after_message(self._cell, self._cell.state)

    def _former(self) -> Writer | None:
        """The last actor that wrote to this key, if it hasn't ended yet."""
        while self._before is not None and (journal := self._before.journal) is not None and journal._over:
            self._before = journal._before  # it may have been stopped before it saw the end of the one before it
        return self._before

    async def ended(self) -> None:
        """Returns when the actor, which is stopping, has ended."""
        if self._ended is None:
            self._ended = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._ended])

    def after_message(self, cell: Cell, state: Any) -> BaseException | None:
        """Looks back on a message that was handled. Returns a fault, if there was one that the handler didn't raise."""
        self.current = None
        if self._writes:
            self._check_writes()
            self._check_erased(state)
        if self.astray is not None:
            return self.astray
        self._stored = False
        if self.snapshots is not None and self.snapshots.are_due(self.sequence_number):
            self.snapshots.take(cell, state, self.sequence_number, self.event_id, self.commands.metadata())
        return None

    def before_judgement(self) -> None:
        """Looks back on a message whose handler raised: the state stays as it was, whatever was stored."""
        self.current = None
        if self._writes:
            self._check_writes()
            self._check_erased(NOT_GIVEN)
        if self._stored and self.astray is None:
            self.astray = PersistUsageError("the handler raised after it had persisted")
        self._stands_on = None if self._stored else self.sequence_number
        self._stored = False

    async def after_crash(self) -> None:
        """Looks back on a fault that was judged. An actor that is astray doesn't just resume, whatever was decided."""
        cell = self._cell
        if cell.is_stopping:
            return
        if isinstance(self.astray, SequenceConflictError):
            if await self._conflicts_with_itself(self.astray):
                cell.order_reset()
                return
            cell.runtime.log_fault(cell.ref, f"stops: somebody else writes to its key {self.key!r}", self.astray)
            cell.stop(self.astray)
        elif not self.recovered and not cell.orders:
            error = PersistUsageError("resume isn't possible for an actor that hasn't recovered")
            cell.runtime.log_fault(cell.ref, "stops: it has no state to go on with", error)
            cell.stop(error)
        elif self.astray is not None and (cell.orders or not await self._catch_up()):
            cell.order_reset()

    async def _conflicts_with_itself(self, conflict: SequenceConflictError) -> bool:
        """Whether the number was taken by an earlier write of this actor, which was given up and arrived late."""
        if self._in_doubt is None:
            return False
        stored = await event_at(self.persistence.engine, self.key, conflict.attempted)
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
        self._check_may_persist(context)
        if metadata is not None or command_id is not None:
            metadata = metadata_of(metadata, command_id)
        return remembered(self._persist(event, tags, metadata), self._writes)

    def persist_all(
        self,
        context: PersistentContext[Any, Any],
        events: Sequence[Any],
        tags: Collection[str],
        metadata: Mapping[str, Any] | None,
        command_id: str | None,
    ) -> Coroutine[Any, Any, Sequence[PersistedEvent]]:
        self._check_may_persist(context)
        if not isinstance(self.persistence.engine, AtomicBatches):
            raise PersistUsageError(f"{self.persistence.engine!r} can't store several events atomically")
        if isinstance(events, str | bytes) or not isinstance(events, Sequence):
            raise PersistUsageError(f"persist_all takes a sequence of events, not {events!r:.200}")
        if metadata is not None or command_id is not None:
            metadata = metadata_of(metadata, command_id)
        return remembered(self._persist_all(self.persistence.engine, events, tags, metadata), self._writes)

    async def _persist(self, msg: Any, tags: Collection[str], metadata: Mapping[str, Any] | None) -> PersistedEvent:
        if self._writing or self.astray is not None:
            await self._my_turn()
        event = self._event(msg, tags, metadata, 1)
        self._writing = True
        try:
            await self._watched(self.persistence.engine.persist(event), 1)
        except BaseException as error:
            self._failed(error, (event,))
            raise
        self._succeeded(1, event)
        if metadata is not None:
            self.commands.note(event)
        return event

    async def _persist_all(
        self, engine: AtomicBatches, msgs: Sequence[Any], tags: Collection[str], metadata: Mapping[str, Any] | None
    ) -> Sequence[PersistedEvent]:
        if self._writing or self.astray is not None:
            await self._my_turn()
        if not msgs:
            return []
        events = [self._event(msg, tags, metadata, place) for place, msg in enumerate(msgs, 1)]
        self._writing = True
        try:
            await self._watched(engine.persist_all(events), len(events))
        except BaseException as error:
            self._failed(error, events)
            raise
        self._succeeded(len(events), events[-1])
        if metadata is not None:
            for event in events:
                self.commands.note(event)
        return events

    def _watched(self, write: Awaitable[None], count: int) -> Awaitable[None]:
        observer = self.persistence.observer
        if observer is None:
            return write
        return watched(write, observer.persisting(self.key, self.sequence_number + 1, count))

    async def _my_turn(self) -> None:
        while self._writing:
            await self._write_in_progress()
        if self.astray is not None:
            raise PersistUsageError("an earlier persist failed; this one isn't tried") from self.astray

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

    def seen(self, command_id: str) -> tuple[int, ...]:
        return self.commands.seen(checked_command_id(command_id))

    def snapshot(self, context: PersistentContext[Any, Any], state: Any) -> Coroutine[Any, Any, PersistedSnapshot]:
        self._check_may_persist(context)
        return remembered(self._snapshot(self._state_now("snapshot", state)), self._writes)

    def forget_events(self, context: PersistentContext[Any, Any], state: Any) -> Coroutine[Any, Any, None]:
        self._check_may_persist(context)
        return remembered(self._forget_events(self._state_now("forget_events", state)), self._writes)

    def erase(self, context: PersistentContext[Any, Any], state: Any) -> Coroutine[Any, Any, Any]:
        self._check_may_persist(context)
        return remembered(self._erase(state), self._writes)

    def _state_now(self, method: str, state: Any) -> Any:
        """The state that stands for all events so far: the given one, where this message has persisted some."""
        if self._writing:
            raise PersistUsageError(f"await what ctx.persist returned before ctx.{method}")
        if self.sequence_number == 0:
            raise PersistUsageError(f"ctx.{method} needs an event: nothing was ever persisted under {self.key!r}")
        if state is NOT_GIVEN and self._stored:
            raise PersistUsageError(
                f"this message has persisted events: ctx.{method}(state) needs the state after them"
            )
        if state is not NOT_GIVEN and not self._stored and state is not self._cell.state:
            raise PersistUsageError(
                f"this message has persisted nothing, so ctx.{method}(state) can't be given another state than the "
                "handler was"
            )
        return self._cell.state if state is NOT_GIVEN else state

    async def _housekeeping(self) -> Housekeeping:
        if self._writing or self.astray is not None:
            await self._my_turn()
        if self.snapshots is not None:
            await self.snapshots.taken()
        return Housekeeping(self.key, self.persistence, self.options, self.sequence_number, self.event_id)

    async def _snapshot(self, state: Any) -> PersistedSnapshot:
        keeping = await self._housekeeping()
        snapshot = await keeping.snapshot(state, self.commands.metadata())
        if self.snapshots is not None:
            self.snapshots.note(self.sequence_number)
        return snapshot

    async def _forget_events(self, state: Any) -> None:
        keeping = await self._housekeeping()
        await keeping.forget_events(state, self.commands.metadata())
        if self.snapshots is not None:
            self.snapshots.note(self.sequence_number)

    async def _erase(self, state: Any) -> Any:
        keeping = await self._housekeeping()
        if state is NOT_GIVEN:
            state = await self._initial_state()
        self._stored = True  # something other than what the state stands on
        try:
            await keeping.erase(state)
        except PersistUsageError:
            raise
        except BaseException as error:
            self.astray = error  # what remains may be a snapshot of `state`, or all that was
            raise
        self.commands.forget()
        if self.snapshots is not None:
            self.snapshots.begin(self.sequence_number)
        self._must_return = state
        return state

    async def _initial_state(self) -> Any:
        options = self._cell.options
        if options.initial_state_func is None:
            return options.initial_state
        state = options.initial_state_func(ReplayContext(self._cell, NOBODY, self))
        return await state if hasattr(state, "__await__") else state

    def _check_erased(self, returned: Any) -> None:
        """The message is done. If it has erased the journal, only what remains there may be the state."""
        state, self._must_return = self._must_return, NOT_GIVEN
        if state is not NOT_GIVEN and returned is not state and self.astray is None:
            self.astray = PersistUsageError("the handler erased its journal: it has to return what ctx.erase returned")

    # Not one coroutine for all of a write: it would be one more to make, to resume and to collect for each event.

    def _succeeded(self, count: int, last: PersistedEvent) -> None:
        self.sequence_number += count
        self.event_id = last.event_id
        self._stored = True
        self._in_doubt = None  # their numbers are taken now
        self._pass_turn()

    def _failed(self, error: BaseException, events: Sequence[PersistedEvent]) -> None:
        if not is_harmless(error):
            self.astray = error
            if not isinstance(error, SequenceConflictError):
                self._in_doubt = deque(self._in_doubt or (), maxlen=_DOUBTS)
                self._in_doubt.extend(event.event_id for event in events)
        self._pass_turn()

    def _pass_turn(self) -> None:
        self._writing = False
        if self._turn is not None:
            self._turn.set_result(None)
            self._turn = None

    async def _write_in_progress(self) -> None:
        if self._turn is None:
            self._turn = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._turn])  # not awaited itself: one who is cancelled would cancel it for the others

    def _check_may_persist(self, context: PersistentContext[Any, Any]) -> None:
        cell = self._cell
        if not self.recovered:
            raise PersistUsageError(
                f"{cell.ref.path} is recovering: what it handles is in the journal already. Ask ctx.recovering first"
            )
        if context is not self.current or not cell.scheduled:
            raise PersistUsageError(
                f"{cell.ref.path} has handled the message that this ctx belongs to. Await ctx.persist before the "
                "handler returns; a task that outlives the message sends the actor a new one, and that persists"
            )

    def _check_writes(self) -> None:
        """The message is done. If a write of it isn't, nobody knows what the state stands for."""
        if not all_done(self._writes) and self.astray is None:
            self.astray = PersistUsageError("the handler returned before its ctx.persist was done: await it")
        self._writes.clear()
