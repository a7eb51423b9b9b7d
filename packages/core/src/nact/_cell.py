"""What is behind an actor's reference: its mailbox, its state, and whose turn it is.

A cell is owned by one worker at a time (see `_scheduler`), and only its owner runs its handler or changes its state.
Everybody else leaves it messages, and *orders* (start, reset, stop) that the owner obeys between two messages.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from nact._family import Family
from nact._idle import IdleTimer
from nact._life import KEEP_STATE, NO_STATE, crash, finish, start
from nact._orders import ENDED, RESET, START, STOP
from nact._repr import shortly
from nact._supervision import interrupted
from nact.context import Context
from nact.references import NOBODY, ActorRef

if TYPE_CHECKING:
    from nact._options import Options
    from nact._replies import Reply
    from nact.persistence._journal import Journal

MESSAGES_PER_TURN: Final = 32
"""After so many messages it is the next actor's turn."""


class Cell(Family):
    """The inside of one actor."""

    __slots__ = (
        "context", "current", "f", "idle", "interruptible", "journal", "mailbox", "options", "orders", "parent",
        "queries", "scheduled", "starts_failed", "state",
    )  # fmt: skip

    def __init__(
        self, name: str, parent: Family, f: Callable[..., Any], options: Options, journal: Journal | None = None
    ) -> None:
        super().__init__(ActorRef(name, parent.ref, self), parent.system)
        self.parent = parent
        self.f = f
        self.options = options
        self.state: Any = options.initial_state if options.initial_state_func is None else NO_STATE
        self.mailbox: deque[tuple[Any, ActorRef[Any]]] | None = None
        self.scheduled = False
        """Whether it stands in the run queue, or a worker owns it."""
        self.orders = 0
        self.current: object = None
        """The message whose handler is suspended."""
        self.journal = journal
        self.context: Context[Any] = self.new_context(NOBODY)
        self.queries: set[Reply] | None = None
        """Questions asked of this actor and not answered yet."""
        self.interruptible: set[asyncio.Task[Any]] | None = None
        """What is awaited for the actor, and cut short by a stop."""
        self.starts_failed = 0
        self.idle = None if options.shutdown_after is None else IdleTimer(self, options.shutdown_after)

    def begin(self) -> None:
        """Takes the actor into service: its parent knows it, and it starts."""
        self.parent.adopt(self.ref)
        if self.journal is not None or self.options.initial_state_func is not None:
            self._order(START)
        elif self.idle is not None:
            self.idle.start()

    def new_context(self, sender: ActorRef[Any]) -> Context[Any]:
        return Context(self, sender) if self.journal is None else self.journal.new_context(self, sender)

    # --- from outside: messages and orders ---------------------------------------------------------------------------

    def receive(self, msg: object, sender: ActorRef[Any]) -> None:
        mailbox = self.mailbox
        if mailbox is not None:
            mailbox.append((msg, sender))
            return
        # Idle actors have no mailbox: an empty deque would be most of what they weigh.
        self.mailbox = deque(((msg, sender),))
        if not self.scheduled:
            self.scheduled = True
            self.system.scheduler.add(self)

    def order_reset(self) -> None:
        """Orders the actor to make its state anew, when the message in progress is done. Its children stop now."""
        if not self.orders & (STOP | ENDED):
            self._order(RESET)
            self.stop_children()

    def stop(self) -> None:
        """Orders the actor, and all below it, to stop when the messages in progress are done."""
        told: list[Cell] = []
        to_tell = [self]
        while to_tell:
            cell = to_tell.pop()
            if not cell.orders & (STOP | ENDED):
                to_tell += cell.cells()
                cell._close()
                told.append(cell)
        for cell in reversed(told):  # children before parents
            parent = cell._leave()
            if parent is not None:
                parent.left()

    def abandon(self) -> None:
        """Its handler ended the program. It stops, and nobody waits for the handler."""
        self.scheduled = False
        if self.orders & STOP:
            self._order(STOP)
        else:
            self.stop()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop, or has ended."""
        return bool(self.orders & (STOP | ENDED))

    @property
    def parent_cell(self) -> Cell | None:
        """The parent's cell, or `None` at the top."""
        return self.parent if isinstance(self.parent, Cell) else None

    def all_left(self) -> Family | None:
        if self.orders & STOP:
            return self._leave()
        if self.orders:
            self._order(0)
        return None

    def _order(self, order: int) -> None:
        self.orders |= order
        if not self.scheduled:
            self.scheduled = True
            self.system.scheduler.add(self)

    def _close(self) -> None:
        """From now on messages are dead letters, those that wait included, and questions fail."""
        self.orders |= STOP
        self.parent.let_go(self.ref)
        self.ref._target = None
        waiting, self.mailbox = self.mailbox, None
        for msg, _ in waiting or ():
            self.system.dead_letter(self.ref, msg)
        questions, self.queries = self.queries, None
        for reply in questions or ():
            reply.target_stopped()
        for task in self.interruptible or ():
            task.cancel()
        if self.idle is not None:
            self.idle.cancel()

    def _leave(self) -> Family | None:
        """Ends, at once where there is nothing to wait for: then returns the family that it has left."""
        if self.scheduled or self.leaving or self.orders & ENDED:
            return None
        if self.options.after_stop is None:
            return self._end()
        self._order(STOP)
        return None

    def end(self) -> None:
        """Is no more. Its parent needn't wait for it any longer."""
        self._end().left()

    def _end(self) -> Family:
        self.orders = ENDED
        self.state = None
        if self.journal is not None:
            self.journal.release(self)
        return self.parent

    # --- from inside: what the owner does ---------------------------------------------------------------------------

    def serve(self) -> Awaitable[object] | None:
        orders, mailbox = self.orders, self.mailbox
        if orders or not mailbox:
            return self._rest()
        turn = min(len(mailbox), MESSAGES_PER_TURN)
        self.system.scheduler.budget -= turn
        f, journal, context = self.f, self.journal, self.context
        while turn:
            turn -= 1
            msg, sender = mailbox.popleft()
            if context.sender is not sender:
                context = self.context = self.new_context(sender)
            try:
                result = f(self.state, msg, context)
            except (Exception, asyncio.CancelledError) as error:
                return crash(self, msg, error, sender)
            if type(result) is CoroutineType or hasattr(result, "__await__"):
                self.current = msg
                self.system.scheduler.budget += turn
                return result  # type: ignore[no-any-return]
            if journal is not None and (fault := journal.after_message(self, result)) is not None:
                return crash(self, msg, fault, sender)
            self.state = result
            if self.orders:
                break
        return self._rest()

    def completed(self, result: Any) -> Awaitable[object] | None:
        if result is not KEEP_STATE:
            msg, self.current = self.current, None
            if self.journal is not None and (fault := self.journal.after_message(self, result)) is not None:
                return crash(self, msg, fault, self.context.sender)
            self.state = result
        # An async handler that never suspends must not keep the worker for itself.
        return self.serve() if self.system.scheduler.budget > 0 else self._rest()

    def failed(self, error: Exception | asyncio.CancelledError) -> Awaitable[object] | None:
        msg, self.current = self.current, None
        if isinstance(error, asyncio.CancelledError) and interrupted():
            self.system.log_fault(self.ref, f"stops: it was cancelled while it handled {shortly(msg)}", error)
            self.stop()
            return self.serve()
        return crash(self, msg, error, self.context.sender)

    async def unless_stopped(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Awaits `work`, which a stop cuts short: then raises `asyncio.CancelledError`."""
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

    def _rest(self) -> Awaitable[object] | None:
        if self.orders:
            return self._obey()
        if self.mailbox:
            self.system.scheduler.add(self)
            return None
        self.mailbox = None
        self.scheduled = False
        if self.idle is not None:
            self.idle.start()
        return None

    def _obey(self) -> Awaitable[object] | None:
        if self.orders & ENDED:
            return None
        if self.orders & RESET:
            self.stop_children()
        if self.leaving:  # the last one to leave wakes us
            self.scheduled = False
            return None
        return finish(self) if self.orders & STOP else start(self)
