"""Makes calls to the server, again and again while the server is away, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pymongo
from pymongo.errors import DocumentTooLarge, PyMongoError

from nact.errors import EngineClosedError
from nact.persistence.building.errors import engine_unavailable
from nact_persistence_mongo._connections.errors import is_passing, may_be_done, too_large, translated

T = TypeVar("T")

_FIRST_ATTEMPT = 1 / 16  # of the time
_SHORTEST_ATTEMPT = 1.0
_LONGER = 1.5
_SHORTEST_PAUSE = 0.005
_LONGEST_PAUSE = 0.2


class Trying:
    """The attempts at one thing, until they take too long.

    The first attempt has a small part of the time, and each has half as much again as the one before it: a connection
    that has gone silent costs an attempt, and the next one has another connection; what is only slow succeeds later.

    Args:
        seconds: For how long.
        writes: False for what only reads.
        whole: Whether a cancellation waits for the attempt under way: a driver's thread that connects a client while
            it is closed would leave threads behind.

    Attributes:
        maybe_done: Whether an attempt that failed may have had its effect.
    """

    def __init__(self, seconds: float, *, writes: bool = True, whole: bool = False) -> None:
        self._writes = writes
        self._whole = whole
        self._clock = asyncio.get_running_loop().time
        self._until = self._clock() + seconds
        self._attempt = max(seconds * _FIRST_ATTEMPT, _SHORTEST_ATTEMPT)
        self._pause = _SHORTEST_PAUSE
        self.maybe_done = False

    async def run(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What the attempt returns that succeeds at last.

        Raises:
            NactError: None succeeded in time, or there is no sense in trying again.
            PyMongoError: Never; except `BulkWriteError`s, which are results.
        """
        while True:
            try:
                with pymongo.timeout(self.left()):
                    return await (_to_its_end(attempt()) if self._whole else attempt())
            except PyMongoError as error:
                self.failed(error)
            except DocumentTooLarge as error:
                raise too_large(error, outcome_known=not self.maybe_done) from error
            await self.pause()

    def left(self) -> float:
        """Seconds for an attempt. A little at least, so that what begins at the last moment can succeed."""
        return max(min(self._until - self._clock(), self._attempt), 0.05)

    def failed(self, error: PyMongoError) -> None:
        """Returns if there is time for another attempt.

        Raises:
            NactError: Otherwise.
        """
        self.maybe_done |= self._writes and may_be_done(error)
        self._attempt *= _LONGER
        if not is_passing(error) or self.is_over:
            raise translated(error, outcome_known=not self.maybe_done) from error

    @property
    def is_over(self) -> bool:
        return self._clock() + self._pause >= self._until

    async def pause(self) -> None:
        """Lets the server come back."""
        if self.is_over:
            raise engine_unavailable("the server didn't settle it in time", outcome_known=not self.maybe_done)
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


async def _to_its_end(attempt: Awaitable[T]) -> T:
    task = asyncio.ensure_future(attempt)
    task.add_done_callback(look_at)
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            await asyncio.wait([task])


class InFlight:
    """The writes that are under way, by key: a read waits for them, since their writers may have been cancelled."""

    def __init__(self) -> None:
        self._batches: dict[asyncio.Future[None], Collection[str]] = {}
        self._by_key: dict[str, set[asyncio.Future[Any]]] = {}
        self._is_closed = False

    async def settled(self, key: str) -> None:
        """Returns when the writes to the key that are under way have ended."""
        writes = [batch for batch, keys in self._batches.items() if key in keys]
        writes += self._by_key.get(key, ())
        if writes:
            await asyncio.wait(writes)

    async def aclose(self) -> None:
        """Returns when no write is under way, and none can begin any more."""
        self._is_closed = True
        while writes := [*self._batches, *(write for each in self._by_key.values() for write in each)]:
            await asyncio.wait(writes)

    @contextmanager
    def batch(self, keys: Collection[str]) -> Iterator[None]:
        """While this is open, the keys are being written."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._batches[done] = keys
        try:
            yield
        finally:
            del self._batches[done]
            done.set_result(None)

    async def finish(self, key: str, write: Coroutine[Any, Any, T]) -> T:
        """What the write returns; it goes on to its end also when the caller is cancelled.

        Raises:
            EngineClosedError: After `aclose` was called: a write that begins now would meet a client that closes.
        """
        if self._is_closed:
            write.close()
            raise EngineClosedError("the engine is closed; make a new one")
        task = asyncio.ensure_future(write)
        self._by_key.setdefault(key, set()).add(task)
        task.add_done_callback(lambda _: self._remove(key, task))
        task.add_done_callback(look_at)
        return await asyncio.shield(task)

    def _remove(self, key: str, write: asyncio.Future[Any]) -> None:
        writes = self._by_key[key]
        writes.discard(write)
        if not writes:
            del self._by_key[key]


def look_at(write: asyncio.Future[T]) -> None:
    """Nobody may be left to hear of an error; asyncio would log that."""
    if not write.cancelled():
        write.exception()
