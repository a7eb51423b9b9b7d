"""What happens in an actor's life besides messages: it starts, it fails, it ends.

These run in the worker that owns the cell, between two messages.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from nact._orders import RESET, START
from nact._supervision import supervise
from nact.errors import HandlerCancelledError
from nact.references import NOBODY

if TYPE_CHECKING:
    from nact._cell import Cell

KEEP_STATE: Final = object()
"""The result of what isn't a message: the state stays as it is."""

FIRST_DELAY: Final = 0.02
LONGEST_DELAY: Final = 30.0


async def start(cell: Cell) -> object:
    """Makes the state: the initial one, and for a persistent actor what its journal tells."""
    cell.orders &= ~(START | RESET)
    try:
        if cell.starts_failed:
            delay = min(FIRST_DELAY * 2 ** (cell.starts_failed - 1), LONGEST_DELAY)
            await cell.unless_stopped(asyncio.sleep(delay))
        cell.state = await _initial_state(cell)
        recovered = cell.journal is None or await cell.journal.recover(cell)
    except asyncio.CancelledError:
        if not cell.is_stopping:
            raise
    except Exception as error:
        cell.starts_failed += 1
        await crash(cell, None, error)
    else:
        cell.starts_failed = 0 if recovered else cell.starts_failed + 1
    return KEEP_STATE


async def crash(cell: Cell, msg: object, error: Exception | asyncio.CancelledError) -> object:
    """Has the fault judged."""
    if isinstance(error, asyncio.CancelledError):
        cancelled, error = error, HandlerCancelledError("what the handler awaited was cancelled")
        error.__cause__ = cancelled
    if cell.is_stopping:
        cell.system.log_fault(cell.ref, f"failed, after it was told to stop, while it handled {msg!r:.200}", error)
        return KEEP_STATE
    await supervise(cell, msg, error)
    if cell.journal is not None:
        cell.journal.after_crash(cell)
    return KEEP_STATE


async def finish(cell: Cell) -> object:
    """Runs `after_stop` with the last state."""
    after_stop = cell.options.after_stop
    try:
        if after_stop is not None:
            result = after_stop(cell.state, cell.new_context(NOBODY))
            if hasattr(result, "__await__"):
                await result
    except Exception as error:
        cell.system.record_failure(cell.ref, "failed in after_stop", error)
    finally:
        cell.end()
    return KEEP_STATE


async def _initial_state(cell: Cell) -> Any:
    if cell.options.initial_state_func is None:
        return cell.options.initial_state
    state = cell.options.initial_state_func(cell.new_context(NOBODY))
    return await state if hasattr(state, "__await__") else state
