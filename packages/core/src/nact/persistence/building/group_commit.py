"""Group commit: writes that arrive while a batch is being written form the next batch.

A batch takes one round trip, one transaction and one fsync, and each write has its own outcome. The idea is from
DeWitt et al., "Implementation Techniques for Main Memory Database Systems" (1984).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from functools import partial
from typing import Generic, TypeAlias, TypeVar

from nact.errors import EngineClosedError, EngineUnavailableError, NactError, OutcomeUnknownError
from nact.persistence.building.errors import copy_for_caller

T = TypeVar("T")
Outcome: TypeAlias = "Exception | None"
"""The outcome of one item: `None` if it was stored, or the error for its writer."""


_observers: list[Callable[[int], None]] = []


def observe_batches(observer: Callable[[int], None]) -> Callable[[], None]:
    """Calls `observer` with the number of items of each batch that this process writes from now on.

    An engine with a `GroupCommit` needs to do nothing for it.

    Returns:
        A function that ends the observation.
    """
    _observers.append(observer)
    return partial(_observers.remove, observer)


def note_batch(items: int) -> None:
    """Reports a batch to the observers, for an engine that writes without a `GroupCommit`. `items` is their number."""
    for observer in _observers:
        observer(items)


class GroupCommit(Generic[T]):
    """Gathers concurrent writes into batches, and gives each writer its own outcome.

    An item is the engine's form of one `persist` or `persist_all`: rows, or a command. Items are written in the order
    in which they were submitted, one batch at a time, so the order within a key is kept. A lone writer never waits for
    a timer. For several batches in flight, use several of these, and choose one by the key.

    **Cancellation.** If a writer is cancelled before its item is written, nothing is stored. After that the batch goes
    on for the others, and the item may or may not be stored. The engine has to make sure that the next call sees the
    truth: if it reads over another connection, a read waits for the writes of cancelled writers (see `InFlight`).

    Args:
        write: Writes a batch, and returns an outcome for each item, in order. If it raises, every item gets the error
            (one that isn't a `NactError` becomes an `OutcomeUnknownError`).
        max_items: The highest number of items in a batch.
        max_size: The sum of sizes from which on a batch takes no more items, in a unit of the engine's choice.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[Outcome]]],
        *,
        max_items: int = 1000,
        max_size: int = 8 * 1024 * 1024,
    ) -> None:
        if max_items < 1 or max_size < 1:
            raise ValueError(f"max_items and max_size must be at least 1, not {max_items} and {max_size}")
        self._write = write
        self._max_items = max_items
        self._max_size = max_size
        self._waiting: deque[tuple[T, int, asyncio.Future[None]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._busy = False  # a batch is being written, or will be in the loop's next pass
        self._idle: asyncio.Future[None] | None = None  # done when it is no longer busy
        self._closed = False

    def submit(self, item: T, *, size: int = 0) -> asyncio.Future[None]:
        """Queues the item for the next batch. Returns a future that is done when the item was written.

        Args:
            item: The item.
            size: The item's size, in the unit of `max_size`.

        Raises:
            EngineClosedError: At the call: `aclose` was called.
            Exception: From the future: the item's outcome.
        """
        if self._closed:
            raise EngineClosedError("the engine is closed; make a new one")
        if self._loop is None or not self._busy:
            self._loop = asyncio.get_running_loop()  # once per batch: it is a system call before Python 3.12
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((item, size, done))
        if not self._busy:
            self._busy = True
            # In the next pass, so that all items of this one form a batch. In a context of its own: the values that the
            # first writer has set (a trace, a deadline) mustn't apply to the other writers.
            self._loop.call_soon(self._write_next, context=Context())
        return done

    async def aclose(self) -> None:
        """Refuses new items, and returns when those already submitted are written. Can be called again."""
        self._closed = True
        while self._busy:
            if self._idle is None:
                self._idle = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._idle])

    def _write_next(self) -> None:
        # By callbacks: a task that writes batch after batch would cost a lone writer one more pass of the loop.
        items, writers = self._next_batch()
        if items:
            self._begin_writing(items).add_done_callback(partial(self._settle_batch, writers))
            note_batch(len(items))  # last, so that an observer that raises doesn't affect the batch
            return
        self._busy = False
        if self._idle is not None:
            self._idle.set_result(None)
            self._idle = None

    def _next_batch(self) -> tuple[list[T], list[asyncio.Future[None]]]:
        items: list[T] = []
        writers: list[asyncio.Future[None]] = []
        room = self._max_size
        while self._waiting and len(items) < self._max_items and room > 0:
            item, size, done = self._waiting.popleft()
            if not done.cancelled():
                items.append(item)
                writers.append(done)
                room -= size
        return items, writers

    def _begin_writing(self, items: list[T]) -> asyncio.Future[Sequence[Outcome]]:
        try:
            return asyncio.ensure_future(self._write(items))
        except BaseException as error:
            # Raised in a task: SystemExit then ends the loop, just as if a suspended write had raised it.
            return asyncio.get_running_loop().create_task(_raise(error))

    def _settle_batch(self, writers: list[asyncio.Future[None]], writing: asyncio.Future[Sequence[Outcome]]) -> None:
        outcomes: Sequence[Outcome]
        try:
            outcomes = writing.result()
            _check_outcomes(outcomes, len(writers))
        except asyncio.CancelledError:
            outcomes = [OutcomeUnknownError("the event loop is closing") for _ in writers]
            self._refuse_waiting()
        except BaseException as error:
            outcomes = [_for_one_writer(error) for _ in writers]
        try:  # The next batch first: these writers then go on while the storage works.
            self._write_next()
        finally:
            for done, outcome in zip(writers, outcomes, strict=True):
                _settle(done, outcome)

    def _refuse_waiting(self) -> None:
        while self._waiting:
            *_, done = self._waiting.popleft()
            _settle(done, EngineUnavailableError("the event loop is closing"))


def _check_outcomes(outcomes: Sequence[Outcome], expected: int) -> None:
    if len(outcomes) != expected:
        raise RuntimeError(f"the engine's write returned {len(outcomes)} outcomes for {expected} items")
    for outcome in outcomes:
        if outcome is not None and not isinstance(outcome, Exception):
            raise RuntimeError(f"the engine's write returned {outcome!r}; an outcome is None or an Exception")


def _settle(done: asyncio.Future[None], outcome: Outcome) -> None:
    if done.done():
        return
    if outcome is None:
        done.set_result(None)
    else:
        done.set_exception(outcome)


async def _raise(error: BaseException) -> Sequence[Outcome]:
    raise error


def _for_one_writer(error: BaseException) -> NactError:
    """The error for one writer: a copy, since an error raised to several writers gathers all their tracebacks."""
    if isinstance(error, NactError):
        mine = copy_for_caller(error)
        if mine is not error:
            return mine
    unknown = OutcomeUnknownError(f"the engine's write failed with {error!r}")
    unknown.__cause__ = error
    return unknown
