"""The inside of an actor: its mailbox, its state, and its turns in the run queue.

One worker at a time owns a cell (see `_runtime.scheduler`), and only its owner runs the handler or changes the state.
Others give it messages, and *orders* (start, reset, stop) that the owner obeys between two messages.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from nact._actor.family import Family
from nact._actor.idle import IdleTimer
from nact._actor.journaling import Journaling
from nact._actor.life import KEEP_STATE, NO_STATE, crash, finish, start
from nact._actor.orders import ENDED, RESET, START, STOP, YIELD
from nact._actor.stopping import leave, stop_with_all_below
from nact._actor.supervision import task_is_cancelled
from nact._runtime.contexts import have_diverged
from nact.context import Context
from nact.references import NOBODY, ActorRef

if TYPE_CHECKING:
    from nact._actor.options import Options
    from nact._actor.replies import AnyReply
    from nact._runtime.scheduler import Waiting

MOST_SPARE_MAILBOXES: Final = 1024

MESSAGES_PER_TURN: Final = 32
"""The most messages that an actor handles before the next actor has its turn."""


class RefusingMailbox(deque[Any]):
    """The mailbox of an actor whose event loop may be closing. Once the loop is closed, it refuses messages."""

    def __init__(self, waiting: deque[Any], is_over: Callable[[], bool], error: Callable[[], Exception]) -> None:
        super().__init__(waiting)
        self._is_over = is_over
        self._error = error

    def append(self, item: Any) -> None:
        if self._is_over():
            raise self._error()
        super().append(item)


class Cell(Family):
    """The inside of one actor."""

    __slots__ = (
        "context", "current", "f", "idle", "interruptible", "journal", "mailbox", "options", "orders", "parent",
        "queries", "scheduled", "scheduler", "starts_failed", "state",
    )  # fmt: skip

    def __init__(  # noqa: PLR0915 - a line for each slot
        self, name: str, parent: Family, f: Callable[..., Any], options: Options, journal: Journaling | None = None
    ) -> None:
        super().__init__(ActorRef(name, parent.ref, self), parent.runtime)
        self.parent = parent
        self.scheduler = parent.runtime.scheduler
        self.f = f
        self.options = options
        self.state: Any = options.initial_state if options.initial_state_func is None else NO_STATE
        self.mailbox: deque[tuple[Any, ActorRef[Any]]] | None = None
        self.scheduled = False
        """True while it stands in the run queue, or a worker owns it."""
        self.orders = 0
        self.current: object = None
        """The message whose handler is suspended."""
        self.journal = journal
        if journal is not None:
            journal.bind(self)
        self.context: Context[Any] = self.new_context(NOBODY)
        self.queries: set[AnyReply] | None = None
        """Questions to this actor that aren't answered yet."""
        self.interruptible: set[asyncio.Task[Any]] | None = None
        """Tasks that the actor awaits, and that a stop cancels."""
        self.starts_failed = 0
        self.idle = None if options.shutdown_after is None else IdleTimer(self, options.shutdown_after)

    def begin(self) -> None:
        """Adds the actor to its parent's children, and starts it."""
        self.parent.adopt(self.ref)
        if self.journal is not None or self.options.initial_state_func is not None:
            self.order(START)
        elif self.idle is not None:
            self.idle.start()

    def new_context(self, sender: ActorRef[Any]) -> Context[Any]:
        return Context(self, sender) if self.journal is None else self.journal.new_context(sender)

    # --- from outside: messages and orders ---------------------------------------------------------------------------

    def receive(self, msg: object, sender: ActorRef[Any]) -> None:
        mailbox = self.mailbox
        if mailbox is not None:
            mailbox.append((msg, sender))
            return
        # Idle actors have no mailbox: an empty deque would take most of their memory.
        scheduler = self.scheduler
        if self.scheduled:  # its handler is suspended, for ever if the loop is closed
            scheduler.check_loop()
        else:
            if not scheduler.serving:
                scheduler.start_workers(1)  # for the loop's next pass; before the rest, since it may raise
            self.scheduled = True
            scheduler.ready.append(self)
        spare = scheduler.spare_mailboxes
        self.mailbox = mailbox = spare.pop() if spare else deque()
        mailbox.append((msg, sender))

    def order_reset(self, cause: BaseException | None = None) -> None:
        """Orders the actor to make its state anew after the message in progress. Its children stop now."""
        if not self.orders & (STOP | ENDED):
            self.order(RESET)
            self.stop_children(cause)

    def stop(self, cause: BaseException | None = None) -> None:
        """Orders the actor and its descendants to stop after the messages in progress."""
        stop_with_all_below(self, cause)

    def abandon(self, error: BaseException) -> None:
        """Stops the actor after its turn was cut off, without waiting for its handler."""
        if not isinstance(error, KeyboardInterrupt | SystemExit):
            self.runtime.record_failure(self.ref, "stops: it can't go on", error)
        self.scheduled = False
        if self.orders & STOP:
            self.order(STOP)
        else:
            self.stop(error)

    def refuse_when(self, is_over: Callable[[], bool], error: Callable[[], Exception]) -> None:
        if self.mailbox is not None:
            self.mailbox = RefusingMailbox(self.mailbox, is_over, error)

    @property
    def is_stopping(self) -> bool:
        """True if the actor was told to stop, or has ended."""
        return bool(self.orders & (STOP | ENDED))

    @property
    def parent_cell(self) -> Cell | None:
        """The parent's cell, or `None` at the top."""
        return self.parent if isinstance(self.parent, Cell) else None

    def all_left(self) -> Family | None:
        if self.orders & STOP:
            return leave(self)
        if self.orders:
            self.order(0)
        return None

    def order(self, order: int) -> None:
        """Gives one or more orders, which the actor obeys between two messages."""
        self.orders |= order
        if not self.scheduled:
            self.scheduler.add(self)
            self.scheduled = True

    # --- from inside: what the owner does ---------------------------------------------------------------------------

    def serve(self) -> Waiting | None:  # noqa: C901, PLR0912, PLR0915 - the hot path
        orders, mailbox = self.orders, self.mailbox
        if orders or not mailbox:
            return self._end_turn()
        scheduler = self.scheduler
        waiting = len(mailbox)
        turn = waiting if waiting < MESSAGES_PER_TURN else MESSAGES_PER_TURN  # noqa: FURB136 - min() costs a call
        scheduler.budget -= turn
        f, journal, context, state = self.f, self.journal, self.context, self.state
        own, base = scheduler.context, scheduler.base_context
        for turn in reversed(range(turn)):  # noqa: B020 - what is left of it
            msg, sender = mailbox.popleft()
            if journal is not None:  # a context for each message: persisting is bound to it
                context = self.context = journal.current = journal.live_context(self, sender, journal)
            elif context.sender is not sender:
                context = self.context = Context(self, sender)
            try:
                result = f(state, msg, context)
                kind = type(result)
                if kind is CoroutineType:
                    try:  # a coroutine whose first step is its last, as is common, costs no more than a function
                        return self._wait(msg, turn, (result, result.send(None)))
                    except StopIteration as returned:
                        result = returned.value
                elif kind is not type(state) and hasattr(kind, "__await__"):
                    return self._wait(msg, turn, result)
                if journal is not None and (fault := journal.after_message(self, result)) is not None:
                    return crash(self, msg, fault, sender)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                return crash(self, msg, error, sender)
            self.state = state = result
            if self.orders:
                return self._requeue() if have_diverged(own, base) else self._end_turn()
            try:
                if turn and own != base:  # `have_diverged`, without the call
                    return self._requeue()
            except Exception:
                return self._requeue()
        if mailbox:
            scheduler.ready.append(self)
            return None
        self.mailbox = None  # `_be_idle`, without the call
        spare = scheduler.spare_mailboxes
        if len(spare) < MOST_SPARE_MAILBOXES:
            spare.append(mailbox)
        self.scheduled = False
        if self.idle is not None:
            self.idle.start()
        return None

    def _wait(self, msg: object, turn: int, waiting: Waiting) -> Waiting:
        """Suspends the turn, and gives what is left of it back to the pass's budget."""
        self.current = msg
        self.scheduler.budget += turn
        return waiting

    def completed(self, result: Any) -> Waiting | None:
        if result is not KEEP_STATE:
            msg, self.current = self.current, None
            if self.journal is not None:
                try:
                    fault = self.journal.after_message(self, result)
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException as error:
                    fault = error
                if fault is not None:
                    return crash(self, msg, fault, self.context.sender)
            self.state = result
        # An async handler that never suspends mustn't occupy the worker.
        return self.serve() if self.scheduler.budget > 0 else self._requeue()

    def failed(self, error: BaseException) -> Waiting | None:
        msg, self.current = self.current, None
        if isinstance(error, asyncio.CancelledError) and task_is_cancelled():
            during = "" if msg is None else f" while it handled {self.runtime.shown(msg)}"
            self.runtime.log_fault(self.ref, f"stops: it was cancelled{during}", error)
            self.stop(error)
            return self.serve()
        return crash(self, msg, error, self.context.sender)

    async def unless_stopped(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Awaits `work`. A stop of the actor cancels it, and this raises `asyncio.CancelledError`."""
        if self.interruptible is None:
            self.interruptible = set()
        task = asyncio.create_task(work)
        self.interruptible.add(task)
        if self.is_stopping:
            task.cancel()
        try:
            await asyncio.wait([task])
        finally:
            self.interruptible.discard(task)
            task.cancel()
        return task.result()

    def _end_turn(self) -> Waiting | None:
        if self.orders:
            return self._obey_orders()
        if self.mailbox:
            self.scheduler.add(self)
        else:
            self._be_idle(self.mailbox)
        return None

    def _requeue(self) -> Waiting | None:
        """Leaves further messages to another turn, in a context that no handler has changed."""
        if self.orders & ~ENDED or self.mailbox:
            self.scheduler.add(self)
        elif not self.orders:
            self._be_idle(self.mailbox)
        return None

    def _be_idle(self, mailbox: deque[Any] | None) -> None:
        if mailbox is not None:
            self.mailbox = None
            spare = self.scheduler.spare_mailboxes
            if len(spare) < MOST_SPARE_MAILBOXES:
                spare.append(mailbox)
        self.scheduled = False
        if self.idle is not None:
            self.idle.start()

    def _obey_orders(self) -> Waiting | None:
        if self.orders & ENDED:
            return None
        if self.orders & YIELD:
            self.orders &= ~YIELD
            self.scheduler.budget = 0
            return self._requeue()
        if self.orders & RESET:
            self.stop_children()
        if self.leaving:  # the last of them schedules this cell
            self.scheduled = False
            return None
        return finish(self) if self.orders & STOP else start(self)
