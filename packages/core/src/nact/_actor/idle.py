"""Stops an actor that has been idle for its `shutdown_after`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nact._actor.cell import Cell
    from nact._runtime.timers import Bucket


class IdleTimer:
    """Stops an actor after some idle time. Messages don't touch the timer: it looks at the actor when it expires."""

    __slots__ = ("_bucket", "_cell", "_duration", "_since")

    def __init__(self, cell: Cell, duration: float) -> None:
        self._cell = cell
        self._duration = duration
        self._since = 0.0
        self._bucket: Bucket | None = None

    def start(self) -> None:
        """Called when the actor becomes idle."""
        self._since = self._cell.runtime.scheduler.loop.time()
        if self._bucket is None:
            self._arm(self._duration)

    def cancel(self) -> None:
        """Called when the actor stops."""
        if self._bucket is not None:
            self._bucket.discard(self)

    def expire(self) -> None:
        self._bucket = None
        cell = self._cell
        if cell.scheduled:
            return  # busy: `start` is called when it is idle again
        remaining = self._since + self._duration - cell.runtime.scheduler.loop.time()
        if remaining > 0:
            self._arm(remaining)
        elif cell.leaving:  # children, or handlers of a stateless actor, are still at work
            self._arm(self._duration)
        else:
            cell.stop()

    def _arm(self, delay: float) -> None:
        self._bucket = self._cell.runtime.timers.add(delay, self)
