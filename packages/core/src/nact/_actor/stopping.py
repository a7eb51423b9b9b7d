"""Stops actors: parents are told before their children, and end after them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nact._actor.orders import ENDED, STOP
from nact._runtime.endings import without_frames

if TYPE_CHECKING:
    from nact._actor.cell import Cell
    from nact._actor.family import Family


def stop_with_all_below(top: Cell, cause: BaseException | None = None) -> None:
    """Orders an actor and its descendants to stop. Those with nothing in progress end at once, children before parents.

    Args:
        top: The actor.
        cause: The failure that stops them. Their askers get it as the cause of an `ActorStoppedError`.
    """
    reason = None if cause is None else without_frames(cause)
    told: list[Cell] = []
    to_tell = [top]
    while to_tell:  # a loop, since recursion has a limit and families can be deep
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
            left.one_left()
        elif not cell.orders & ENDED:
            cell.runtime.endings.told_to_stop(cell.ref)


def leave(cell: Cell) -> Family | None:
    """Ends a stopped cell if it has nothing to wait for. Returns its parent then, which has to be told."""
    if cell.scheduled or cell.leaving or cell.orders & ENDED:
        return None
    if cell.options.after_stop is None:
        return end(cell)
    cell.order(STOP)
    return None


def end(cell: Cell) -> Family:
    """Ends the cell. Returns its parent, which has to be told."""
    cell.orders = ENDED
    cell.state = None
    if cell.journal is not None:
        cell.journal.release()
    if cell.runtime.endings.awaited:
        cell.runtime.endings.has_ended(cell.ref)
    return cell.parent


def _close(cell: Cell, cause: BaseException | None) -> None:
    """Makes messages dead letters from now on, those in the mailbox included, and fails the questions."""
    cell.orders |= STOP
    cell.parent.detach(cell.ref)
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
