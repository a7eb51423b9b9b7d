"""The start, the faults and the end of an actor.

These functions run in the worker that owns the cell, between two messages.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from nact._actor.orders import RESET, START
from nact._actor.replies import PassedOnReply, Reply
from nact._actor.stopping import end
from nact._actor.supervision import is_for_the_task, supervise
from nact.errors import HandlerCancelledError
from nact.references import NOBODY, ActorRef

if TYPE_CHECKING:
    from nact._actor.cell import Cell

KEEP_STATE: Final = object()
"""The result of anything but a message: it leaves the state as it is."""

NO_STATE: Final = object()
"""The state of an actor whose `initial_state_func` hasn't returned yet."""

FIRST_DELAY: Final = 0.02
LONGEST_DELAY: Final = 30.0


async def start(cell: Cell) -> object:
    """Makes the initial state, and recovers a persistent actor."""
    cell.orders &= ~(START | RESET)
    if cell.journal is not None:
        cell.journal.recovered = False
    try:
        if cell.starts_failed:
            delay = min(FIRST_DELAY * 2 ** min(cell.starts_failed - 1, 30), LONGEST_DELAY)
            await cell.unless_stopped(asyncio.sleep(delay))
        cell.state = await initial_state_of(cell)
        recovered = cell.journal is None or await cell.journal.recover()
    except BaseException as error:
        if is_for_the_task(cell, error):
            raise
        await _start_failed(cell, error)
    else:
        cell.starts_failed = 0 if recovered else cell.starts_failed + 1
    return KEEP_STATE


async def crash(cell: Cell, msg: object, error: BaseException, sender: ActorRef[Any] = NOBODY) -> object:
    """Asks the policies about a fault. If it is no `Exception`, the actor stops instead, and the system has failed."""
    if isinstance(error, asyncio.CancelledError):
        cancelled, error = error, HandlerCancelledError("what the handler awaited was cancelled")
        error.__cause__ = cancelled
    if cell.journal is not None:
        cell.journal.before_supervision()
    handled = cell.runtime.shown(msg)
    if not isinstance(error, Exception):
        cell.runtime.record_failure(cell.ref, f"stops: {type(error).__name__} while it handled {handled}", error)
        cell.stop(error)
        return KEEP_STATE
    if cell.is_stopping:
        cell.runtime.log_fault(cell.ref, f"failed, after it was told to stop, while it handled {handled}", error)
        return KEEP_STATE
    await supervise(cell, msg, error, sender)
    if cell.journal is not None:
        await cell.journal.after_supervision()
    if isinstance(sender, Reply | PassedOnReply):
        sender.handler_failed(cell.ref, error)
    return KEEP_STATE


async def finish(cell: Cell) -> object:
    """Runs `after_stop` with the last state, if there ever was one."""
    after_stop = cell.options.after_stop
    try:
        if after_stop is not None and cell.state is not NO_STATE:
            result = after_stop(cell.state, cell.new_context(NOBODY))
            if hasattr(result, "__await__"):
                await result
    except BaseException as error:
        if is_for_the_task(cell, error):
            raise
        cell.runtime.record_failure(cell.ref, "failed in after_stop", error)
    finally:
        end(cell).one_left()
    return KEEP_STATE


async def initial_state_of(cell: Cell) -> Any:
    """The initial state, made by `initial_state_func` if there is one."""
    if cell.options.initial_state_func is None:
        return cell.options.initial_state
    state = cell.options.initial_state_func(cell.new_context(NOBODY))
    return await state if hasattr(state, "__await__") else state


async def _start_failed(cell: Cell, error: BaseException) -> None:
    if cell.is_stopping and isinstance(error, asyncio.CancelledError):
        return  # the stop cancelled it
    cell.starts_failed += 1
    await crash(cell, None, error)
    if cell.state is NO_STATE and not cell.orders:
        cell.runtime.log_fault(cell.ref, "stops: it has no state to go on with", error)
        cell.stop(error)
