"""Shuts an actor down when it had nothing to do for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nact._cell import Cell


class IdleTimer:
    """Measures how long an actor has been idle. A message costs it nothing: the deadline is checked when it comes."""

    __slots__ = ("_armed", "_cell", "_duration", "_since")

    def __init__(self, cell: Cell, duration: float) -> None:
        self._cell = cell
        self._duration = duration
        self._since = 0.0
        self._armed = False

    def start(self) -> None:
        """The actor is idle from now on."""
        self._since = self._cell.system.scheduler.loop.time()
        if not self._armed:
            self._arm(self._duration)

    def expire(self) -> None:
        self._armed = False
        cell = self._cell
        if cell.scheduled or cell.orders:
            return  # busy; when it rests, `start` is called
        remaining = self._since + self._duration - cell.system.scheduler.loop.time()
        if remaining > 0:
            self._arm(remaining)
        else:
            cell.stop()

    def _arm(self, delay: float) -> None:
        self._armed = True
        self._cell.system.timers.add(delay, self)
