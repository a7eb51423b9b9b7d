"""Asks the policies about a fault, from the actor upwards, and carries out what they decide."""

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
    """Returns when the orders that follow from the fault are given. The faulted actor handles nothing meanwhile."""
    judge: Cell = faulted
    child: Cell | None = None
    fault = _Fault(faulted, msg, error, sender)
    while True:
        decision = await _decide(judge, child, fault)
        if decision is not Decision.ESCALATE:
            return _carry_out(decision, judge, child, error)
        above = judge.parent_cell
        if above is None:
            faulted.runtime.record_failure(faulted.ref, f"failed while it handled {faulted.runtime.shown(msg)}", error)
            return judge.stop(error)
        judge, child = above, judge


async def _decide(judge: Cell, child: Cell | None, fault: _Fault) -> Decision:
    faulted, msg, error, sender = fault
    context: CrashContext[Any] = CrashContext(judge, sender)
    try:
        decision: Any = judge.options.on_crash(msg, error, context, None if child is None else child.ref)
        if hasattr(decision, "__await__"):
            decision = await faulted.unless_stopped(decision if iscoroutine(decision) else _wait_for(decision))
        return _checked(decision, child)
    except BaseException as second:
        if ends_the_task(faulted, second):
            raise
        if isinstance(second, asyncio.CancelledError) and faulted.is_stopping:
            return Decision.RESUME  # told to stop while the policy waited: nothing is left to decide
        faulted.runtime.log_fault(faulted.ref, f"failed while it handled {faulted.runtime.shown(msg)}", error)
        is_fault = isinstance(second, Exception | asyncio.CancelledError)
        tell = judge.runtime.log_fault if is_fault else judge.runtime.record_failure
        tell(judge.ref, "stops, because its on_crash failed", second)
        return Decision.STOP


def _checked(decision: object, child: Cell | None) -> Decision:
    if not isinstance(decision, Decision):
        raise TypeError(f"on_crash must return a Decision, such as Decision.STOP or Decision.RESUME, not {decision!r}")
    if child is None and decision in _NEED_A_CHILD:
        raise ValueError(f"on_crash decided {decision.value} about the actor's own fault; there is no child to blame")
    return decision


def _carry_out(decision: Decision, judge: Cell, child: Cell | None, error: Exception) -> None:
    match decision:
        case Decision.STOP:
            judge.stop(error)
        case Decision.STOP_ALL:
            judge.parent.stop_children(error)
        case Decision.STOP_ALL_CHILDREN:
            judge.stop_children(error)
        case Decision.RESET:
            judge.order_reset(error)
        case Decision.RESET_ALL:
            judge.parent.reset_children(error)
        case Decision.RESET_ALL_CHILDREN:
            judge.reset_children(error)
        case Decision.STOP_CHILD if child is not None:
            child.stop(error)
        case Decision.RESET_CHILD if child is not None:
            child.order_reset(error)
        case _:  # RESUME: the faulted actor goes on with its next message
            pass


def ends_the_task(cell: Cell, error: BaseException) -> bool:
    """Whether the error is meant for the task, or the program, and not for the actor whose code raised it."""
    if isinstance(error, asyncio.CancelledError):
        return interrupted()
    if isinstance(error, GeneratorExit):
        return not cell.scheduler.runs_this()
    return isinstance(error, KeyboardInterrupt | SystemExit)


def interrupted() -> bool:
    """Whether this task was cancelled, not only what it awaits: the loop is closing, or the system lost patience."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _wait_for(decision: Awaitable[Decision]) -> Decision:
    return await decision
