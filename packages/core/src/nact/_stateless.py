"""The handler of stateless actors: it begins messages, and doesn't wait until they are done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from nact._supervision import supervise
from nact.context import Context

if TYPE_CHECKING:
    from nact._cell import Cell


class Stateless:
    """Runs `f(msg, ctx)` in a task of its own where it is async. The actor ends after the last of them."""

    __slots__ = ("_f", "cell")

    cell: Cell

    def __init__(self, f: Callable[[Any, Context[Any]], object]) -> None:
        self._f = f

    def __call__(self, state: None, msg: Any, context: Context[Any]) -> None:
        result = self._f(msg, context)
        if isinstance(result, Awaitable):
            self.cell.leaving += 1
            _ = self.cell.system.scheduler.spawn(self._finish(msg, result))

    async def _finish(self, msg: Any, work: Awaitable[object]) -> None:
        cell = self.cell
        try:
            await work
        except Exception as error:
            if cell.is_stopping:
                cell.system.log_fault(cell.ref, "failed after it was told to stop", error)
            else:
                await supervise(cell, msg, error)
        finally:
            cell.left()
