"""The actor system, which actors live in, from `start` until the last of them has ended."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Mapping
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeAlias, final

from nact._actor.family import Family
from nact._actor.options import check_name, checked_limit
from nact._actor.replies import Reply
from nact._runtime.runtime import Runtime
from nact.durations import Duration, in_seconds
from nact.errors import NactError, SystemFailedError
from nact.monitoring import LogEngine
from nact.references import ActorRef

Plugin: TypeAlias = "Callable[[ActorSystem], None]"
"""An argument of `start`, made by a `configure_...` function. Its interface to the system is private to nact."""

_system_numbers = count(1)


def start(
    *plugins: Plugin,
    name: str | None = None,
    stop_timeout: Duration | None = None,
    mailbox_limit: int | None = None,
    log_messages: bool = False,
) -> ActorSystem:
    """A running actor system.

    Use it as `async with start(...) as system:`; or call `stop(system)` in the end and await `stopped(system)`, before
    the event loop ends. A system that is left open warns with `ResourceWarning`.

    Args:
        plugins: Further abilities: `configure_persistence(engine)`, `configure_logging(engine)`.
        name: The first part of all paths. Without it, the system gets a new name.
        stop_timeout: The time that handlers have after the system is told to stop: seconds, or a `timedelta`. Those
            still in progress then are cancelled; an `after_stop` that begins then has the same time again. Without it,
            they have all the time that they need.
        mailbox_limit: The `mailbox_limit` of actors that are spawned without one; see `StatelessOptions`. By default
            mailboxes have no limit.
        log_messages: Whether to log the content of dead letters, and of messages whose handlers fail, up to 200
            characters. By default only their type is logged, since their content may be personal data.

    Raises:
        RuntimeError: No event loop is running.
        TypeError, ValueError: An argument is invalid.
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
    timeout = None if stop_timeout is None else in_seconds(stop_timeout, "stop_timeout")
    limit = checked_limit(mailbox_limit)
    system = ActorSystem(name, loop, timeout, mailbox_limit=limit, log_messages=log_messages)
    for plugin in plugins:
        plugin(system)
    system._is_started = True
    return system


def configure_logging(engine: LogEngine) -> Plugin:
    """A plugin for `start`: the log records of all actors go to `engine`.

    Raises:
        TypeError: `engine` isn't a function.
    """
    if not callable(engine):
        raise TypeError(f"engine must be a function that takes a log record, not {engine!r}")

    def plugin(system: ActorSystem) -> None:
        system._runtime.log_engine = engine

    return plugin


@final
class ActorSystem(ActorRef[Any]):
    """The top of the hierarchy of actors, made by `start`. It is a reference: `spawn(system, ...)`, `stop(system)`.

    Leaving its `async with` block stops every actor, waits until all have ended and their `after_stop` has run, and
    closes the persistence engine.

    Raises:
        SystemFailedError: At the end of the block, if no policy handled a failure and the block itself didn't raise.
    """

    __slots__ = ("_is_started", "_root", "_runtime", "_stop_timeout")

    def __init__(
        self,
        name: str,
        loop: asyncio.AbstractEventLoop,
        stop_timeout: float | None,
        *,
        mailbox_limit: int | None,
        log_messages: bool,
    ) -> None:
        self._is_started = False
        super().__init__(name, None, None)
        self._runtime = Runtime(self, loop, Reply, mailbox_limit=mailbox_limit, log_messages=log_messages)
        self._target = self._root = _Root(self, self._runtime)
        self._stop_timeout = stop_timeout

    @property
    def children(self) -> Mapping[str, ActorRef[Any]]:
        """The living actors at the top, by name: a view that changes as they come and go."""
        return self._root.children

    @property
    def dead_letters(self) -> int:
        """The number of messages that were dropped.

        They were sent to actors that had stopped or whose mailboxes were full, or waited in the mailboxes of actors
        that stopped. A `query` that a full mailbox refused doesn't count, since the asker gets an error.
        """
        return self._runtime.dead_letters

    @property
    def failures(self) -> tuple[tuple[str, BaseException], ...]:
        """Failures that no policy handled, as pairs (path, error): faults escalated from the top, failed `after_stop`.

        The first hundred are kept; all are logged.
        """
        return tuple(self._runtime.failures)

    async def __aenter__(self) -> Self:
        try:
            await self._runtime.resources.open()
        except BaseException:
            self._root.stop()
            await self._stopped()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        runtime = self._runtime
        self._root.stop()
        try:
            await self._stopped_within_timeout()
        except asyncio.CancelledError:
            runtime.scheduler.interrupt()
            await self._stopped_within_timeout()
            raise
        # A panic (pytest.fail(), say) is raised on. If the block raised an error of nact, the panic probably caused it.
        if runtime.panic is not None and (error is None or isinstance(error, NactError)):
            raise runtime.panic
        if runtime.failures and error is None:
            raise SystemFailedError(self.name, self.failures) from runtime.failures[0][1]

    def __del__(self) -> None:
        if self._is_started and not self._runtime.all_ended.done():
            warnings.warn(
                f"actor system {self.name!r} was left open: use `async with start()`, or stop(system) and await "
                "stopped(system), before its event loop ends",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    async def _stopped(self) -> None:
        await asyncio.shield(self._runtime.all_ended)

    async def _stopped_within_timeout(self) -> None:
        while not self._runtime.all_ended.done():
            try:
                async with asyncio.timeout(self._stop_timeout):
                    await self._stopped()
            except TimeoutError:
                self._runtime.scheduler.interrupt()

    # --- as the top of a path ----------------------------------------------------------------------------------------

    def _dead_letter(self, ref: ActorRef[Any], msg: object) -> None:
        self._runtime.dead_letter(ref, msg)

    def _keep_failure(self, ref: ActorRef[Any], error: BaseException) -> None:
        self._runtime.keep_failure(ref, error)

    def _reason_of(self, ref: ActorRef[Any]) -> BaseException | None:
        return self._runtime.endings.reason_of(ref)

    def _end_of(self, ref: ActorRef[Any]) -> asyncio.Future[None] | None:
        return self._runtime.all_ended if ref is self else self._runtime.endings.end_of(ref)


class _Root(Family):
    """The parent of the actors at the top."""

    __slots__ = ("_stopping",)

    def __init__(self, ref: ActorRef[Any], runtime: Runtime) -> None:
        super().__init__(ref, runtime)
        self._stopping = False

    def receive(self, msg: object, sender: ActorRef[Any]) -> None:
        self.runtime.dead_letter(self.ref, msg)

    def stop(self, cause: BaseException | None = None) -> None:
        if not self._stopping:
            self.runtime.scheduler.check_loop()
            self._stopping = True
            self.ref._target = None
            self.leaving += 1  # so that the system doesn't end before all children are told
            self.stop_children()
            self.one_left()
            self.runtime.scheduler.resume()

    def all_left(self) -> None:
        if self._stopping:
            self.runtime.close()
