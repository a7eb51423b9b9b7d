"""Group commit: writes that arrive while one is under way travel together in the next one.

One round trip, one transaction, one fsync, and an outcome for each. The idea is DeWitt et al., "Implementation
Techniques for Main Memory Database Systems" (1984); here it lives once, for every engine.
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
"""What became of one item: `None` when it is stored, or the error for its writer."""


_observers: list[Callable[[int], None]] = []


def observe_batches(observer: Callable[[int], None]) -> Callable[[], None]:
    """Tells `observer` how many items each batch has, of all that this process writes from now on.

    Whoever has a `GroupCommit` needn't do anything for it.

    Returns:
        What ends it.
    """
    _observers.append(observer)
    return partial(_observers.remove, observer)


def note_batch(items: int) -> None:
    """Tells those who observe that so many items go out: for an engine that writes some without a `GroupCommit`."""
    for observer in _observers:
        observer(items)


class GroupCommit(Generic[T]):
    """Gathers concurrent writes into batches and gives each writer its own outcome.

    An item is what the engine makes of one `persist` or `persist_all`: its rows, its command. Items go out in the order
    in which they were submitted, one batch at a time, so the order within a key is kept. A lone writer waits for no
    timer. For several batches in flight, use several of these and choose by the key.

    **Cancellation.** A writer that is cancelled before its item went out stores nothing. Afterwards the batch goes on
    for the others, and the item is stored or not as the storage decides. "The next call sees the truth" is the engine's
    part: where it reads on another connection, a read has to wait for a write whose writer was cancelled.

    Args:
        write: Writes a batch and returns an outcome for each item, in order. If it raises, every item gets that error
            (an error that isn't a `NactError` becomes `EngineUnavailableError` with the outcome unknown).
        max_items: At most so many items in a batch.
        max_size: A batch ends with the item that brings the sum of sizes to this; the unit is the engine's.
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
        self._idle: asyncio.Future[None] | None = None  # somebody waits until it isn't
        self._closed = False

    def submit(self, item: T, *, size: int = 0) -> asyncio.Future[None]:
        """Queues the item for the next batch. Await what this returns; it raises the item's outcome.

        Raises:
            EngineClosedError: After `aclose` was called.
        """
        if self._closed:
            raise EngineClosedError("the engine is closed; make a new one")
        if self._loop is None or not self._busy:
            self._loop = asyncio.get_running_loop()  # not for each item: it costs a system call on some versions
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((item, size, done))
        if not self._busy:
            self._busy = True
            # In the next pass: what is submitted in this one goes out together. And in a context of its own: a batch
            # is nobody's, and what the first writer has set there (its trace, a deadline) mustn't hold for the others.
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
        # By callbacks: a task that wrote batch after batch would cost a lone writer one more pass of the loop.
        items, writers = self._next_batch()
        if items:
            self._begin_writing(items).add_done_callback(partial(self._settle_batch, writers))
            note_batch(len(items))  # last: what an observer raises is no matter of the batch
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
            # In a task, which SystemExit leaves as it would leave a write that suspends: through the loop.
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
        try:  # First the next batch goes out, then these writers go on: that overlaps with the storage's work.
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
    """A copy for each writer: an error raised in many places gathers all their tracebacks."""
    if isinstance(error, NactError):
        mine = copy_for_caller(error)
        if mine is not error:
            return mine
    unknown = OutcomeUnknownError(f"the engine's write failed with {error!r}")
    unknown.__cause__ = error
    return unknown
