"""Repeats calls to the server while it is away, for a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pymongo
from pymongo.errors import DocumentTooLarge, PyMongoError

from nact.persistence.building.errors import mark_retrieved, result_of
from nact.persistence.building.retry import Retry
from nact_persistence_mongo._connections.errors import is_passing, may_be_done, too_large, translated

T = TypeVar("T")

_FIRST_ATTEMPT = 1 / 16  # of the time
_SHORTEST_ATTEMPT = 1.0
_GROWTH = 1.5
_LEAST_LEFT = 0.05


class ServerRetry:
    """The attempts at one operation, until one succeeds or the time is over.

    The first attempt may take a small part of the time, and each later one half as much again. A connection that has
    gone silent therefore costs one attempt, and the next attempt uses another connection; what is only slow succeeds
    later.

    Args:
        seconds: For how long the operation is tried.
        writes: False if the operation only reads.
        whole: Whether a cancellation waits for the attempt under way. A client that is closed while one of the driver's
            threads connects it would leave threads behind.
    """

    def __init__(self, seconds: float, *, writes: bool = True, whole: bool = False) -> None:
        self._writes = writes
        self._whole = whole
        self._retry = Retry(seconds, first_pause=0.005, longest_pause=0.2)
        self._attempt = max(seconds * _FIRST_ATTEMPT, _SHORTEST_ATTEMPT)

    @property
    def in_doubt(self) -> bool:
        """Whether an attempt that failed may have taken effect."""
        return self._retry.in_doubt

    @in_doubt.setter
    def in_doubt(self, in_doubt: bool) -> None:
        self._retry.in_doubt = in_doubt

    async def run(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The result of the first attempt that succeeds.

        Raises:
            NactError: No attempt succeeded in time, or another one would fail, too.
        """
        while True:
            try:
                with pymongo.timeout(self.time_for_attempt()):
                    return await (_to_its_end(attempt()) if self._whole else attempt())
            except PyMongoError as error:
                self.failed(error)
            except DocumentTooLarge as error:
                raise too_large(error, outcome_known=not self.in_doubt) from error
            await self.pause()

    def time_for_attempt(self) -> float:
        """The seconds that the next attempt may take: some at least, so that one that begins late can succeed."""
        return max(min(self._retry.time_left(), self._attempt), _LEAST_LEFT)

    def failed(self, error: PyMongoError) -> None:
        """Returns if another attempt makes sense and there is time for it.

        Raises:
            NactError: Otherwise.
        """
        self._retry.failed(outcome_known=not (self._writes and may_be_done(error)))
        self._attempt *= _GROWTH
        if not is_passing(error) or self._retry.is_over:
            raise translated(error, outcome_known=not self.in_doubt) from error

    async def pause(self) -> None:
        """Returns when it is time for the next attempt.

        Raises:
            EngineUnavailableError: The time is over.
        """
        await self._retry.pause("the server didn't settle it in time")


async def _to_its_end(attempt: Awaitable[T]) -> T:
    task = asyncio.ensure_future(attempt)
    task.add_done_callback(mark_retrieved)
    try:
        return await result_of(task)
    finally:
        if not task.done():
            await asyncio.wait([task])
