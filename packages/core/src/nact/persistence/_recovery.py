"""How a persistent actor gets its state back."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from nact._life import NO_STATE, initial_state_of
from nact._supervision import supervise
from nact.persistence._reading import Reader, Start
from nact.persistence.context import PersistentContext

if TYPE_CHECKING:
    from nact._cell import Cell

logger = logging.getLogger("nact.persistence")


async def recover_state(cell: Cell, reader: Reader, context: PersistentContext[Any], slots: asyncio.Semaphore) -> bool:
    """Gives the cell the state that the journal tells: what it read, handled one after another by its handler.

    A fault of the handler is judged like any other; if it resumes, the event is passed over, as it was when live.

    Returns:
        False if the actor was told to stop, or to begin again.

    Raises:
        CorruptJournalError: The journal can't be read.
    """
    f, initial_state = cell.f, cell.state
    async with aclosing(reader.read()) as items:
        async for item in items:
            if isinstance(item, Start):
                cell.state = item.state if item.sequence_number else await _initial_state(cell, initial_state)
                initial_state = NO_STATE
                continue
            msg = reader.decode(item)
            try:
                result = f(cell.state, msg, context)
                if hasattr(result, "__await__"):
                    result = await result
            except Exception as error:
                await _judge(cell, msg, error, slots)
            else:
                cell.state = result
            if cell.orders:
                return False
    if logger.isEnabledFor(logging.DEBUG):
        _log_recovered(cell, reader)
    return True


async def _initial_state(cell: Cell, made: Any) -> Any:
    """The one that was made already, or, where all begins again, a fresh one: a handler may have changed the first."""
    return await initial_state_of(cell) if made is NO_STATE else made


def _log_recovered(cell: Cell, reader: Reader) -> None:
    key, number, path = reader.key, reader.position, cell.ref.path
    logger.debug(
        "%s has recovered key %r: it goes on after event %d, having begun with the snapshot at %d",
        path, key, number, reader.start.sequence_number,
        extra={"nact_actor": path, "nact_key": key, "nact_sequence_number": number},
    )  # fmt: skip


async def _judge(cell: Cell, msg: Any, error: Exception, slots: asyncio.Semaphore) -> None:
    slots.release()  # others may recover while the policy takes its time
    try:
        await supervise(cell, msg, error)
    finally:
        await slots.acquire()
