"""The handler of stateless actors: it begins to handle each message, and doesn't wait for the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from nact._actor.life import crash
from nact._actor.supervision import is_for_the_task
from nact._runtime.scheduler import first_step
from nact.context import Context
from nact.references import ActorRef

if TYPE_CHECKING:
    from nact._actor.cell import Cell
    from nact._runtime.observing import Observer


class Stateless:
    """Calls `f(msg, ctx)`, and awaits what it returns in a new task. The actor ends after the last of them."""

    __slots__ = ("_f", "cell", "in_flight")

    cell: Cell

    def __init__(self, f: Callable[[Any, Context[Any]], object]) -> None:
        self._f = f
        self.in_flight = 0
        """The number of messages that are being handled."""

    def observed_by(self, observer: Observer) -> Stateless:
        """A copy with the observer's function in place of `f`."""
        return Stateless(observer.handler(self._f))

    def __call__(self, state: None, msg: Any, context: Context[Any]) -> None:
        result = self._f(msg, context)
        if type(result) is CoroutineType or hasattr(result, "__await__"):
            self.cell.leaving += 1
            self.in_flight += 1
            _ = self.cell.runtime.scheduler.spawn(self._finish(msg, result, context.sender))

    async def _finish(self, msg: Any, work: Awaitable[object], sender: ActorRef[Any]) -> None:
        cell = self.cell
        try:
            await first_step()
            await work
        except BaseException as error:
            if is_for_the_task(cell, error):
                if isinstance(error, asyncio.CancelledError):
                    cell.runtime.log_fault(cell.ref, f"was cancelled while it handled {cell.runtime.shown(msg)}", error)
                raise
            await crash(cell, msg, error, sender)
        finally:
            if isinstance(work, CoroutineType):
                work.close()  # a no-op unless the task was cancelled before the work began
            self.in_flight -= 1
            cell.one_left()
            if cell.idle is not None and not cell.orders:
                cell.idle.start()
