"""Keeps the deadlines of a whole actor system with one timer of the event loop.

A timer of the loop for each query would cost more than the query. Deadlines are rounded up to the next tick and
gathered there, so that adding or removing one is a set operation (the idea of timing wheels: Varghese and Lauck,
"Hashed and Hierarchical Timing Wheels", 1987).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol, TypeAlias

TICKS_PER_SECOND = 100

FIRST_BUCKETS = 1024

LONGEST = 1e9
"""Seconds. A longer delay, infinity included, is cut to these thirty years."""


class Expiring(Protocol):
    """Something with a deadline."""

    def expire(self) -> None:
        """Called when the deadline has passed. Mustn't raise."""
        ...


Bucket: TypeAlias = "set[Expiring]"


class Timers:
    """Calls `expire()` of each item at its deadline: never early, and at most 10 ms late if the loop isn't busy."""

    def __init__(self, loop: asyncio.AbstractEventLoop, check_loop: Callable[[], None] | None = None) -> None:
        self._loop = loop
        self._check_loop = check_loop
        self._time = loop.time
        self._buckets: dict[int, Bucket] = {}
        self._ticks: list[int] = []
        self._handle: asyncio.TimerHandle | None = None
        self._most_buckets = FIRST_BUCKETS

    def add(self, delay: float, item: Expiring) -> Bucket:
        """Adds a deadline `delay` seconds from now. To cancel it, discard the item from the bucket returned."""
        tick = int((self._time() + (delay if delay < LONGEST else LONGEST)) * TICKS_PER_SECOND) + 1  # noqa: FURB136
        bucket = self._buckets.get(tick)
        if bucket is None:
            if len(self._buckets) >= self._most_buckets:
                self._drop_empty_buckets()
            bucket = self._buckets[tick] = set()
            heappush(self._ticks, tick)
            if self._ticks[0] == tick:
                self._arm()
        bucket.add(item)
        return bucket

    def remaining(self, bucket: Bucket) -> float:
        """The seconds until the bucket's deadline. Takes time in proportion to the number of buckets."""
        ticks = [tick for tick, other in self._buckets.items() if other is bucket]
        return max(0.0, ticks[0] / TICKS_PER_SECOND - self._time()) if ticks else 0.0

    def close(self) -> None:
        """Forgets all deadlines."""
        if self._handle is not None:
            self._handle.cancel()
        self._buckets.clear()
        self._ticks.clear()

    def _drop_empty_buckets(self) -> None:
        """Frees the buckets of cancelled deadlines, which would otherwise stay until their time has come."""
        self._buckets = {tick: bucket for tick, bucket in self._buckets.items() if bucket}
        self._ticks = sorted(self._buckets)
        self._most_buckets = max(FIRST_BUCKETS, 2 * len(self._buckets))

    def _arm(self) -> None:
        if self._check_loop is not None:
            self._check_loop()  # for an error that says more than the loop's
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_at(self._ticks[0] / TICKS_PER_SECOND, self._fire)

    def _fire(self) -> None:
        now = self._time()
        due: Bucket = set()
        try:
            while self._ticks and self._ticks[0] / TICKS_PER_SECOND <= now:
                due = self._buckets.pop(heappop(self._ticks))
                while due:
                    due.pop().expire()
        finally:
            self._handle = None
            if due:  # one of them raised: the others expire late
                self._loop.call_soon(self._expire_rest, due)
            if self._ticks:
                self._arm()

    def _expire_rest(self, due: Bucket) -> None:
        try:
            while due:
                due.pop().expire()
        finally:
            if due:
                self._loop.call_soon(self._expire_rest, due)
