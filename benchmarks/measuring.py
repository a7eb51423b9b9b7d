"""What subjects measure themselves with."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
from pathlib import Path
from time import perf_counter
from typing import Self

_STATUS = Path("/proc/self/status")


class Stopwatch:
    """Measures the seconds that its `with` block takes."""

    def __enter__(self) -> Self:
        self._begun = perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = perf_counter() - self._begun


class Countdown:
    """Counts what was handled, and resolves a future at the last one. Every subject pays for this, once a message."""

    __slots__ = ("_done", "left")

    def begin(self, left: int) -> asyncio.Future[None]:
        """What to await until so many were handled."""
        self.left = left
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        return self._done

    def tick(self) -> None:
        """One was handled."""
        self.left -= 1
        if not self.left:
            self._done.set_result(None)


class Lap:
    """Adds the milliseconds that its `with` blocks take to a list. Blocks that overlap have a lap each."""

    __slots__ = ("_begun", "_milliseconds")

    def __init__(self, milliseconds: list[float]) -> None:
        self._milliseconds = milliseconds

    def __enter__(self) -> None:
        self._begun = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._milliseconds.append((perf_counter() - self._begun) * 1000)


def memory_now() -> int:
    """Bytes of memory that this process holds (RSS), when garbage has been collected."""
    gc.collect()
    return _status("VmRSS")


def memory_peak() -> int:
    """Bytes of memory that this process held at most."""
    return _status("VmHWM")


def _status(field: str) -> int:
    """From Linux; elsewhere the peak stands for both, which is right as long as memory grows."""
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines[field].split()[0]) * 1024
