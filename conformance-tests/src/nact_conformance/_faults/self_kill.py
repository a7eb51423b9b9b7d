"""A process that kills itself in the middle of a call: by the work that the call has done, not by the clock."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class SelfKill:
    """Counts the functions that this thread calls and leaves, and kills this process in the middle of a call.

    A clock would find another moment on a busy machine.

    Args:
        dies_in: The number of the call to die in, from 2 on: the call before it measures the work. `None` for never.
    """

    def __init__(self, dies_in: int | None) -> None:
        self._dies_in = dies_in
        self._calls = 0
        self._done = 0
        self._die_at: int | None = None

    @contextmanager
    def call(self) -> Iterator[None]:
        """The context of one call."""
        if self._dies_in is None:
            yield
            return
        self._calls += 1
        if self._calls == self._dies_in:
            self._die_at = self._done // 2
        if self._calls <= self._dies_in:
            self._done = 0
        sys.setprofile(self._count)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _count(self, *_what: object) -> None:
        self._done += 1
        if self._die_at is not None and self._done >= self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
