"""Cancels a call at exactly one of its await points.

At each await point a coroutine yields to its event loop the future that it waits for. Driven by hand, it shows these
points, and can be cancelled at each: while it waits, or at the very moment in which the future is done. Connections
leak at the second: the resource has been handed out, and its taker is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Moment(Enum):
    """The moment at an await point in which a call is cancelled."""

    WHILE_IT_WAITS = "while it waits"
    AS_THE_WAIT_ENDS = "as the wait ends"


@dataclass(frozen=True, slots=True)
class Interruption:
    """The end of a call that was to be cancelled.

    Attributes:
        reached: True if the call came to that await point; if not, it wasn't cancelled.
        cancelled: True if it ended with `CancelledError`.
        error: Another error that it raised.
    """

    reached: bool
    cancelled: bool
    error: Exception | None


class _Driven:
    """Awaits a coroutine, and cancels the task that does so at the n-th point."""

    def __init__(self, call: Coroutine[Any, Any, object], point: int, moment: Moment) -> None:
        self._call = call
        self._point = point
        self._moment = moment
        self.reached = False

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._call.__await__()
        points = 0
        error: BaseException | None = None
        while True:
            try:
                waits_for = next(steps) if error is None else steps.throw(error)
            except StopIteration:
                return
            error = None
            points += 1
            if points == self._point:
                self._cancel(waits_for)
            try:
                yield waits_for
            except BaseException as thrown:  # noqa: BLE001 (it is thrown into the coroutine, which decides)
                error = thrown

    def _cancel(self, waits_for: object) -> None:
        self.reached = True
        task = asyncio.current_task()
        if task is None:
            return
        if self._moment is Moment.AS_THE_WAIT_ENDS and isinstance(waits_for, asyncio.Future):
            # This callback comes before the task's own: the task is cancelled when the result is there already.
            waits_for.add_done_callback(lambda _: task.cancel())
        else:
            task.cancel()


async def interrupt(call: Coroutine[Any, Any, object], point: int, moment: Moment, timeout: float) -> Interruption:
    """Runs the call in a task of its own and cancels it at its `point`-th await point (from 1).

    Raises:
        TimeoutError: If it doesn't end within `timeout` seconds.
    """
    driven = _Driven(call, point, moment)

    async def drive() -> None:
        await driven

    task = asyncio.create_task(drive())
    done, _ = await asyncio.wait([task], timeout=timeout)
    if not done:
        task.cancel()
        raise TimeoutError
    if task.cancelled():
        return Interruption(driven.reached, cancelled=True, error=None)
    error = task.exception()
    if error is not None and not isinstance(error, Exception):
        raise error
    return Interruption(driven.reached, cancelled=False, error=error)
