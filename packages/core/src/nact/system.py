"""The actor system: where actors live, from `start` until the last of them has ended."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, final

from nact._endings import Endings
from nact._family import Family
from nact._options import check_name, checked_limit
from nact._replies import Reply
from nact._repr import kind_of, shortly
from nact._resources import Resources
from nact._scheduler import Scheduler
from nact._timers import Timers
from nact.durations import Duration, in_seconds
from nact.errors import NactError, SystemFailedError
from nact.monitoring import ActorLog, LogEngine, actors_logger, log_to_logging
from nact.references import ActorRef

if TYPE_CHECKING:
    from nact._cell import Cell
    from nact._observing import Observer
    from nact.persistence._configuration import Persistence

Plugin: TypeAlias = "Callable[[ActorSystem], None]"

dead_letters_logger = logging.getLogger("nact.dead_letters")

FAILURES_KEPT: Final = 100

_system_numbers = count(1)


def start(
    *plugins: Plugin,
    name: str | None = None,
    stop_timeout: Duration | None = None,
    mailbox_limit: int | None = None,
    log_messages: bool = False,
) -> ActorSystem:
    """A running actor system.

    Use it as `async with start(...) as system:`; or call `stop(system)` in the end and await `system.stopped()`, before
    the event loop ends. A system that is left open warns with `ResourceWarning`.

    Args:
        plugins: What the system can do besides: `configure_persistence(engine)`, `configure_logging(engine)`.
        name: The first part of all paths; one is made up if it isn't given.
        stop_timeout: When the system is told to stop, handlers that are still in progress after so long are cancelled;
            and those of `after_stop` that begin then, after as long again. Without it they have all the time they need.
        mailbox_limit: How many messages may wait for an actor that was spawned without a `mailbox_limit` of its own;
            see `spawn`. Without it, as many as there is memory for.
        log_messages: Log of dead letters and of messages that made a handler fail what they contain, too, up to 200
            characters. By default only their type: what is in them may be personal data.

    Raises:
        RuntimeError: No event loop is running.
        TypeError, ValueError: An argument can't be.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("start() needs a running event loop: call it inside `async def main()`") from None
    if name is None:
        name = f"system-{next(_system_numbers)}"
    check_name(name)
    for plugin in plugins:
        if not callable(plugin):
            raise TypeError(f"a plugin is what a configure_... function returns, not {plugin!r}")
    if not isinstance(log_messages, bool):
        raise TypeError(f"log_messages must be a bool, not {log_messages!r}")
    patience = None if stop_timeout is None else in_seconds(stop_timeout, "stop_timeout")
    system = ActorSystem(name, loop, patience, log_messages=log_messages)
    system.mailbox_limit = checked_limit(mailbox_limit)
    for plugin in plugins:
        plugin(system)
    system.is_started = True
    return system


@final
class ActorSystem(ActorRef[Any]):
    """The parent of all parents, made by `start`. It is a reference itself: `spawn(system, ...)`, `stop(system)`.

    Leaving its `async with` block stops every actor, and returns when all have ended and their `after_stop` has run.
    """

    __slots__ = (
        "_anonymous", "_closing", "_dead_letters", "_ended", "_failures", "_log_messages", "_panic", "_root",
        "_stop_timeout", "endings", "is_started", "log_engine", "mailbox_limit", "new_reply", "observer", "persistence",
        "resources", "scheduler", "timers",
    )  # fmt: skip

    def __init__(
        self, name: str, loop: asyncio.AbstractEventLoop, stop_timeout: float | None, *, log_messages: bool = False
    ) -> None:
        self.is_started = False
        self._root = _Root(self, self)
        super().__init__(name, None, self._root)
        self.scheduler = Scheduler(loop, name)
        self.timers = Timers(loop, self.scheduler.check_loop)
        self.endings = Endings(loop)
        self.mailbox_limit: int | None = None
        self.log_engine: LogEngine = log_to_logging
        self.persistence: Persistence | None = None
        self.resources = Resources()
        self.observer: Observer | None = None
        self.new_reply: Callable[[Cell, float], Reply] = Reply
        self._stop_timeout = stop_timeout
        self._log_messages = log_messages
        self._ended = loop.create_future()
        self._failures: list[tuple[str, BaseException]] = []
        self._panic: BaseException | None = None  # the first failure that is no `Exception`
        self._dead_letters = 0
        self._anonymous = count(1)

    @property
    def children(self) -> Mapping[str, ActorRef[Any]]:
        """The living actors at the top, by name: a view, which changes as they come and go."""
        return self._root.children

    @property
    def dead_letters(self) -> int:
        """How many messages were dropped.

        They were sent to actors that had stopped or whose mailboxes were full, or waited in the mailboxes of actors
        that stopped. A `query` that a full mailbox refused doesn't count: the asker knows.
        """
        return self._dead_letters

    @property
    def failures(self) -> tuple[tuple[str, BaseException], ...]:
        """What no actor could handle, as pairs (path, error): faults escalated at the top, failed `after_stop`.

        The first hundred are kept; all are logged.
        """
        return tuple(self._failures)

    async def stopped(self) -> None:
        """Returns when the system was told to stop, every actor has ended, and what the system opened is closed."""
        await asyncio.shield(self._ended)

    async def __aenter__(self) -> Self:
        try:
            await self.resources.open()
        except BaseException:
            self._root.stop()
            await self.stopped()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._root.stop()
        try:
            await self._patiently_stopped()
        except asyncio.CancelledError:
            self.scheduler.interrupt()
            await self._patiently_stopped()
            raise
        # A panic, or pytest.fail(), goes on its way up. An error of ours in the block is likely to come of it.
        if self._panic is not None and (error is None or isinstance(error, NactError)):
            raise self._panic
        if self._failures and error is None:
            raise SystemFailedError(self.name, self.failures) from self._failures[0][1]

    def __del__(self) -> None:
        if self.is_started and not self._ended.done():
            warnings.warn(
                f"actor system {self.name!r} was left open: use `async with start()`, or stop(system) and await "
                "system.stopped(), before its event loop ends",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    async def _patiently_stopped(self) -> None:
        while not self._ended.done():
            try:
                async with asyncio.timeout(self._stop_timeout):
                    await self.stopped()
            except TimeoutError:
                self.scheduler.interrupt()

    # --- for the runtime -----------------------------------------------------------------------------------------

    def new_name(self) -> str:
        """A name for an actor that was given none. Never the same twice."""
        return f"anonymous-{next(self._anonymous)}"

    def be_observed(self, observer: Observer) -> None:
        """Has the observer told what goes on, of actors that are spawned from now on."""
        if self.observer is not None:
            raise ValueError(f"{self!r} already is observed, by {self.observer!r}")
        self.observer = observer
        self.new_reply = observer.new_reply
        if self.persistence is not None:
            self.persistence.observer = observer

    def dead_letter(self, ref: ActorRef[Any], msg: object) -> None:
        """Counts and logs a message that nobody will handle."""
        self._dead_letters += 1
        try:
            if self.observer is not None:
                self.observer.dead_letter()
            if dead_letters_logger.isEnabledFor(logging.INFO):
                dead_letters_logger.info(
                    "%s has stopped; dropped %s", ref.path, self.shown(msg), extra={"nact_actor": ref.path}
                )
        except Exception:  # it may come in the midst of a stop, which must go on
            with suppress(Exception):  # where logging itself is what fails
                actors_logger.exception("%s: a dead letter couldn't be logged", ref.path)
        except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self.keep_failure(ref, error)

    def shown(self, msg: object) -> str:
        """How logs show the message: only its type, unless they were told to say what is in it."""
        return shortly(msg) if self._log_messages else kind_of(msg)

    def message_refused(self) -> None:
        """Counts a message that a full mailbox refused, as a dead letter. Its cell logs it, and not each one."""
        self._dead_letters += 1
        if self.observer is not None:
            self.observer.dead_letter()

    def _reason_of(self, ref: ActorRef[Any]) -> BaseException | None:
        return self.endings.reason_of(ref)

    def _end_of(self, ref: ActorRef[Any]) -> asyncio.Future[None] | None:
        return self._ended if ref is self else self.endings.end_of(ref)

    def log_fault(self, ref: ActorRef[Any], what: str, error: BaseException) -> None:
        """Logs an error in the actor's name."""
        ActorLog(self.log_engine, ref).exception(error, what)

    def record_failure(self, ref: ActorRef[Any], what: str, error: BaseException) -> None:
        """Logs an error that no actor handles, and keeps it for the end of the system."""
        self.log_fault(ref, what, error)
        self.keep_failure(ref, error)

    def keep_failure(self, ref: ActorRef[Any], error: BaseException) -> None:
        if len(self._failures) < FAILURES_KEPT:
            self._failures.append((ref.path, error))
        if self._panic is None and not isinstance(error, Exception | asyncio.CancelledError):
            self._panic = error

    def all_ended(self) -> None:
        """The last actor has ended."""
        self.timers.close()
        # Not in a worker's task: closing must not be interrupted with the handlers.
        self._closing = self.scheduler.loop.create_task(self._close())
        self._closing.add_done_callback(lambda _: self._ended.set_result(None))

    async def _close(self) -> None:
        try:
            await self.resources.close()
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self.record_failure(self, "failed to close what it had opened", error)


class _Root(Family):
    """The parent of the actors at the top."""

    __slots__ = ("_stopping",)

    def __init__(self, ref: ActorRef[Any], system: ActorSystem) -> None:
        super().__init__(ref, system)
        self._stopping = False

    def receive(self, msg: object, sender: ActorRef[Any]) -> None:
        self.system.dead_letter(self.ref, msg)

    def stop(self, cause: BaseException | None = None) -> None:
        if not self._stopping:
            self.system.scheduler.check_loop()
            self._stopping = True
            self.ref._target = None
            self.leaving += 1  # so that nothing ends before all are told
            self.stop_children()
            self.left()
            self.system.scheduler.resume()

    def all_left(self) -> None:
        if self._stopping:
            self.system.all_ended()
