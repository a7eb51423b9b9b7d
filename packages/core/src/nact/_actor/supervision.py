"""Asks the policies about a fault, from the actor upwards, and carries out their decision."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from nact.references import NOBODY, ActorRef
from nact.supervision import CrashContext, Decision

if TYPE_CHECKING:
    from nact._actor.cell import Cell

_NEED_A_CHILD = (Decision.STOP_CHILD, Decision.RESET_CHILD)


class _Fault(NamedTuple):
    faulted: Cell
    msg: object
    error: Exception
    sender: ActorRef[Any]


async def supervise(faulted: Cell, msg: object, error: Exception, sender: ActorRef[Any] = NOBODY) -> None:
    """Returns when the policies have decided and the orders are given. The actor handles nothing meanwhile."""
    supervisor: Cell = faulted
    child: Cell | None = None
    fault = _Fault(faulted, msg, error, sender)
    while True:
        decision = await _decide(supervisor, child, fault)
        if decision is not Decision.ESCALATE:
            return _carry_out(decision, supervisor, child, error)
        above = supervisor.parent_cell
        if above is None:
            faulted.runtime.record_failure(faulted.ref, f"failed while it handled {faulted.runtime.shown(msg)}", error)
            return supervisor.stop(error)
        supervisor, child = above, supervisor


async def _decide(supervisor: Cell, child: Cell | None, fault: _Fault) -> Decision:
    faulted, msg, error, sender = fault
    context: CrashContext[Any] = CrashContext(supervisor, sender)
    try:
        decision: Any = supervisor.options.on_crash(msg, error, context, None if child is None else child.ref)
        if hasattr(decision, "__await__"):
            decision = await faulted.unless_stopped(decision if iscoroutine(decision) else _wait_for(decision))
        return _checked(decision, child)
    except BaseException as second:
        if is_for_the_task(faulted, second):
            raise
        if isinstance(second, asyncio.CancelledError) and faulted.is_stopping:
            return Decision.RESUME  # it was told to stop while the policy waited: there is nothing to decide
        faulted.runtime.log_fault(faulted.ref, f"failed while it handled {faulted.runtime.shown(msg)}", error)
        is_fault = isinstance(second, Exception | asyncio.CancelledError)
        tell = supervisor.runtime.log_fault if is_fault else supervisor.runtime.record_failure
        tell(supervisor.ref, "stops, because its on_crash failed", second)
        return Decision.STOP


def _checked(decision: object, child: Cell | None) -> Decision:
    if not isinstance(decision, Decision):
        raise TypeError(f"on_crash must return a Decision, such as Decision.STOP or Decision.RESUME, not {decision!r}")
    if child is None and decision in _NEED_A_CHILD:
        raise ValueError(f"on_crash decided {decision.value} about the actor's own fault; there is no child to blame")
    return decision


def _carry_out(decision: Decision, supervisor: Cell, child: Cell | None, error: Exception) -> None:
    match decision:
        case Decision.STOP:
            supervisor.stop(error)
        case Decision.STOP_ALL:
            supervisor.parent.stop_children(error)
        case Decision.STOP_ALL_CHILDREN:
            supervisor.stop_children(error)
        case Decision.RESET:
            supervisor.order_reset(error)
        case Decision.RESET_ALL:
            supervisor.parent.reset_children(error)
        case Decision.RESET_ALL_CHILDREN:
            supervisor.reset_children(error)
        case Decision.STOP_CHILD if child is not None:
            child.stop(error)
        case Decision.RESET_CHILD if child is not None:
            child.order_reset(error)
        case _:  # RESUME: the faulted actor goes on with its next message
            pass


def is_for_the_task(cell: Cell, error: BaseException) -> bool:
    """Tells whether the error concerns the task or the program, rather than the actor whose code raised it."""
    if isinstance(error, asyncio.CancelledError):
        return task_is_cancelled()
    if isinstance(error, GeneratorExit):
        return not cell.scheduler.runs_current_task()
    return isinstance(error, KeyboardInterrupt | SystemExit)


def task_is_cancelled() -> bool:
    """Tells whether this task itself was cancelled: the loop is closing, or the system's `stop_timeout` is over."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _wait_for(decision: Awaitable[Decision]) -> Decision:
    return await decision
