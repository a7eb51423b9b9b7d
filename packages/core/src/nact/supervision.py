"""Supervision: policies decide about actors whose handlers raise.

A *supervision policy* is a function `on_crash(msg, error, ctx, child=None)`, sync or async, that returns a `Decision`.
It is asked about the actor's own fault, and, with the child's reference, about a fault that a child escalated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from nact.context import Context, Msg
from nact.durations import Duration, in_seconds
from nact.errors import CorruptJournalError
from nact.references import ActorRef


class Decision(Enum):
    """A decision about a fault. `self` is the actor whose policy decides.

    Attributes:
        STOP: Stop self.
        STOP_ALL: Stop self and all its siblings.
        STOP_CHILD: Stop the child that escalated.
        STOP_ALL_CHILDREN: Stop all children, and go on.
        RESUME: Go on with the next message and the state as it was before the one that failed.
        RESET: Stop the children, make the state anew (a persistent actor recovers), keep the mailbox, and go on.
        RESET_ALL: Reset self and all its siblings.
        RESET_CHILD: Reset the child that escalated.
        RESET_ALL_CHILDREN: Reset all children, and go on.
        ESCALATE: Let the parent's policy decide. An actor without a parent actor stops, and the system has failed.
    """

    STOP = "stop"
    STOP_ALL = "stop_all"
    STOP_CHILD = "stop_child"
    STOP_ALL_CHILDREN = "stop_all_children"
    RESUME = "resume"
    RESET = "reset"
    RESET_ALL = "reset_all"
    RESET_CHILD = "reset_child"
    RESET_ALL_CHILDREN = "reset_all_children"
    ESCALATE = "escalate"


class CrashContext(Context[Msg], eq=False, frozen=True):
    """The context of a supervision policy: of the actor that the policy belongs to, with its waiting messages."""

    @property
    def mailbox(self) -> tuple[Msg, ...]:
        """The messages that wait in the actor's mailbox, the next one first."""
        return tuple(msg for msg, _ in self._cell.mailbox or ())


SupervisionPolicy: TypeAlias = Callable[
    [Any, Exception, "CrashContext[Any]", "ActorRef[Any] | None"], "Decision | Awaitable[Decision]"
]


def stop_on_crash(
    msg: object, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None
) -> Decision:
    """The default policy: logs the fault and stops the actor."""
    by = "" if child is None else f" by its child {child.name!r}"
    ctx.log.exception(error, f"stops after a fault{by} while it handled {ctx._cell.runtime.shown(msg)}")
    return Decision.STOP


def resume_on_crash(
    msg: object, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None
) -> Decision:
    """The default policy of stateless actors: logs the fault and resumes."""
    ctx.log.exception(error, f"goes on after a fault while it handled {ctx._cell.runtime.shown(msg)}")
    return Decision.RESUME


class RestartWithBackoff:
    """A policy that resets a failed actor after a delay, which grows from fault to fault.

    Messages that arrive during the delay wait. One policy may serve many actors; it counts the faults of each actor.
    For a `CorruptJournalError`, `otherwise` decides at once, since restarting doesn't help.

    Args:
        initial: The delay before the first restart: seconds, or a `timedelta`.
        factor: The ratio of each delay to the one before.
        maximum: The longest delay: seconds, or a `timedelta`.
        limit: The number of restarts in a row. After one more fault, `otherwise` decides.
        forgive_after: The time after a restart from which a fault counts as the first one again: seconds, or a
            `timedelta`.
        otherwise: The policy for an actor past the limit; by default it is stopped.

    Raises:
        TypeError, ValueError: An argument is invalid.
    """

    def __init__(
        self,
        *,
        initial: Duration = 0.1,
        factor: float = 2.0,
        maximum: Duration = 30.0,
        limit: int = 10,
        forgive_after: Duration = 60.0,
        otherwise: SupervisionPolicy = stop_on_crash,
    ) -> None:
        self._initial = in_seconds(initial, "initial")
        self._maximum = in_seconds(maximum, "maximum")
        self._forgive_after = in_seconds(forgive_after, "forgive_after")
        if type(factor) not in (int, float) or not factor >= 1:
            raise ValueError(f"factor must be a number from 1, not {factor!r}")
        if type(limit) is not int or limit < 1:
            raise ValueError(f"limit must be an int from 1, not {limit!r}")
        if not callable(otherwise):
            raise TypeError(f"otherwise must be a supervision policy, not {otherwise!r}")
        self._factor = factor
        self._limit = limit
        self._otherwise = otherwise
        self._faults: WeakKeyDictionary[ActorRef[Any], tuple[int, float]] = WeakKeyDictionary()

    async def __call__(
        self, msg: object, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None
    ) -> Decision:
        ref = ctx.self if child is None else child
        now = asyncio.get_running_loop().time()
        count, last = self._faults.get(ref, (0, now))
        count = 1 if now - last > self._forgive_after else count + 1
        if count > self._limit or isinstance(error, CorruptJournalError):
            self._faults[ref] = (count, now)
            decision = self._otherwise(msg, error, ctx, child)
            return decision if isinstance(decision, Decision) else await decision
        delay = self._delay(count)
        self._faults[ref] = (count, now + delay)
        path = ctx.path if child is None else child.path
        ctx.log.warn(f"restarts {path} in {delay:g} s, attempt {count} of {self._limit}, after {error!r}")
        await asyncio.sleep(delay)
        return Decision.RESET if child is None else Decision.RESET_CHILD

    def _delay(self, count: int) -> float:
        try:
            return min(self._initial * self._factor ** (count - 1), self._maximum)
        except OverflowError:
            return self._maximum
