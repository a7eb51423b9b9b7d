"""How actors end: told from the top down, gone from the bottom up."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nact._actor.orders import ENDED, STOP
from nact._runtime.endings import without_frames

if TYPE_CHECKING:
    from nact._actor.cell import Cell
    from nact._actor.family import Family


def stop_with_all_below(top: Cell, cause: BaseException | None = None) -> None:
    """Orders them all to stop. Those that have nothing in progress end at once, children before parents.

    Args:
        top: The first of them.
        cause: The failure that stops them, which those who asked them learn.
    """
    reason = None if cause is None else without_frames(cause)
    told: list[Cell] = []
    to_tell = [top]
    while to_tell:  # not by recursion: families can be deep
        cell = to_tell.pop()
        if not cell.orders & (STOP | ENDED):
            to_tell += cast("list[Cell]", cell.cells())
            _close(cell, cause)
            if reason is not None:
                cell.runtime.endings.remember(cell.ref, reason)
            told.append(cell)
    for cell in reversed(told):
        left = leave(cell)
        if left is not None:
            left.left()
        elif not cell.orders & ENDED:
            cell.runtime.endings.told_to_stop(cell.ref)


def leave(cell: Cell) -> Family | None:
    """Ends a stopped cell, where there is nothing to wait for. Returns the family that it has left then."""
    if cell.scheduled or cell.leaving or cell.orders & ENDED:
        return None
    if cell.options.after_stop is None:
        return end(cell)
    cell.order(STOP)
    return None


def end(cell: Cell) -> Family:
    """The cell is no more. Returns the family that it has left."""
    cell.orders = ENDED
    cell.state = None
    if cell.journal is not None:
        cell.journal.release()
    if cell.runtime.endings.awaited:
        cell.runtime.endings.has_ended(cell.ref)
    return cell.parent


def _close(cell: Cell, cause: BaseException | None) -> None:
    """From now on messages are dead letters, those that wait included, and questions fail."""
    cell.orders |= STOP
    cell.parent.let_go(cell.ref)
    cell.ref._target = None
    waiting, cell.mailbox = cell.mailbox, None
    for msg, _ in waiting or ():
        cell.runtime.dead_letter(cell.ref, msg)
    questions, cell.queries = cell.queries, None
    for reply in questions or ():
        reply.target_stopped(cause)
    for task in cell.interruptible or ():
        task.cancel()
    if cell.idle is not None:
        cell.idle.cancel()
