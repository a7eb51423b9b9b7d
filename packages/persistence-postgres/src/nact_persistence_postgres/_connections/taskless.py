"""Saves a lone write a task, and a timer of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


def step(coroutine: Coroutine[Any, Any, object], finished: Callable[[BaseException | None], None]) -> bool:
    """Runs a coroutine by callbacks: a task would cost it one more pass of the event loop at either end.

    For coroutines that wait for futures and nothing else, and don't ask for the current task.

    Args:
        coroutine: Not begun yet.
        finished: Is called in a later pass, with what the coroutine raised.

    Returns:
        False if it ended without waiting for anything: `finished` isn't called.
    """
    try:
        future = coroutine.send(None)
    except (StopIteration, Exception):  # noqa: BLE001 - the caller tries it in another way, and is told then
        return False
    future.add_done_callback(lambda _: _step_on(coroutine, finished))
    return True


def _step_on(coroutine: Coroutine[Any, Any, object], finished: Callable[[BaseException | None], None]) -> None:
    try:
        future = coroutine.send(None)
    except StopIteration:
        finished(None)
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the caller's to judge
        finished(error)
    else:
        future.add_done_callback(lambda _: _step_on(coroutine, finished))


_LOOKS = 8


class Timer:
    """Limits the time of each of many short things, at nearly no cost: it only looks eight times in that time.

    Args:
        seconds: The limit; something may take an eighth longer.
        expired: Is called when something took longer.
    """

    def __init__(self, seconds: float, expired: Callable[[], None]) -> None:
        self._seconds = seconds
        self._expired = expired
        self._runs = False
        self._begun = 0
        self._begun_at_last_look = 0
        self._looks = 0
        self._handle: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Begins to time the next thing."""
        self._begun += 1
        self._runs = True
        if self._handle is None:
            self._await_look()

    def end(self) -> None:
        """Notes that it is done."""
        self._runs = False

    def cancel(self) -> None:
        """Looks no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _look(self) -> None:
        self._handle = None
        self._looks += 1
        if self._runs and self._begun == self._begun_at_last_look and self._looks >= _LOOKS:
            self._expired()
        elif self._runs:
            self._await_look()

    def _await_look(self) -> None:
        if self._begun != self._begun_at_last_look:
            self._begun_at_last_look, self._looks = self._begun, 0
        self._handle = asyncio.get_running_loop().call_later(self._seconds / _LOOKS, self._look)
