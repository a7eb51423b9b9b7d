"""Shuts an actor down when it had nothing to do for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nact._actor.cell import Cell
    from nact._runtime.timers import Bucket


class IdleTimer:
    """Measures how long an actor has been idle. A message costs it nothing: the deadline is checked when it comes."""

    __slots__ = ("_bucket", "_cell", "_duration", "_since")

    def __init__(self, cell: Cell, duration: float) -> None:
        self._cell = cell
        self._duration = duration
        self._since = 0.0
        self._bucket: Bucket | None = None

    def start(self) -> None:
        """The actor is idle from now on."""
        self._since = self._cell.runtime.scheduler.loop.time()
        if self._bucket is None:
            self._arm(self._duration)

    def cancel(self) -> None:
        """The actor stops."""
        if self._bucket is not None:
            self._bucket.discard(self)

    def expire(self) -> None:
        self._bucket = None
        cell = self._cell
        if cell.scheduled:
            return  # busy; when it rests, `start` is called
        remaining = self._since + self._duration - cell.runtime.scheduler.loop.time()
        if remaining > 0:
            self._arm(remaining)
        elif cell.leaving:  # handlers of a stateless actor, or children, that are not done
            self._arm(self._duration)
        else:
            cell.stop()

    def _arm(self, delay: float) -> None:
        self._bucket = self._cell.runtime.timers.add(delay, self)
