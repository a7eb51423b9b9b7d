"""Asks the policies about a fault, from the actor upwards, and carries out what they decide."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

from nact.context import CrashContext
from nact.supervision import Decision

if TYPE_CHECKING:
    from nact._cell import Cell

T = TypeVar("T")

_NEED_A_CHILD = (Decision.STOP_CHILD, Decision.RESET_CHILD)


async def supervise(faulted: Cell, msg: object, error: Exception) -> None:
    """Returns when the orders that follow from the fault are given. The faulted actor handles nothing meanwhile."""
    judge, child = faulted, None
    while True:
        decision = await _decide(judge, child, faulted, msg, error)
        if decision is not Decision.ESCALATE:
            return _carry_out(decision, judge, child)
        above = judge.parent_cell
        if above is None:
            judge.system.record_failure(judge.ref, f"failed while it handled {msg!r:.200}", error)
            return judge.stop()
        judge, child = above, judge


async def _decide(judge: Cell, child: Cell | None, faulted: Cell, msg: object, error: Exception) -> Decision:
    system = judge.system
    context: CrashContext[Any] = CrashContext(judge, faulted.context.sender)
    try:
        decision: Any = judge.options.on_crash(msg, error, context, None if child is None else child.ref)
        if hasattr(decision, "__await__"):
            decision = await faulted.unless_stopped(_await(decision))
        return _checked(decision, child)
    except asyncio.CancelledError:
        if not faulted.is_stopping:
            raise
        return Decision.RESUME  # told to stop while the policy waited: nothing is left to decide
    except Exception as second:
        system.log_fault(faulted.ref, f"failed while it handled {msg!r:.200}", error)
        system.log_fault(judge.ref, "stops, because its on_crash failed", second)
        return Decision.STOP


def _checked(decision: object, child: Cell | None) -> Decision:
    if not isinstance(decision, Decision):
        raise TypeError(f"on_crash must return a Decision, such as ctx.stop or ctx.resume, not {decision!r}")
    if child is None and decision in _NEED_A_CHILD:
        raise ValueError(f"on_crash decided {decision.value} about the actor's own fault; there is no child to blame")
    return decision


def _carry_out(decision: Decision, judge: Cell, child: Cell | None) -> None:
    match decision:
        case Decision.STOP:
            judge.stop()
        case Decision.STOP_ALL:
            judge.parent.stop_children()
        case Decision.STOP_ALL_CHILDREN:
            judge.stop_children()
        case Decision.RESET:
            judge.order_reset()
        case Decision.RESET_ALL:
            judge.parent.reset_children()
        case Decision.RESET_ALL_CHILDREN:
            judge.reset_children()
        case Decision.STOP_CHILD if child is not None:
            child.stop()
        case Decision.RESET_CHILD if child is not None:
            child.order_reset()
        case _:  # RESUME: the faulted actor goes on with its next message
            pass


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable
