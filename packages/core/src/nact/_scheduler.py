"""The run queue: which actors have something to do, and the worker tasks that serve them.

Idle actors cost no task. An actor with something to do stands in the queue once; a worker takes it out, and owns it
until its turn is over, so that no two of its handlers ever run at once. Handlers that don't suspend are called one
after another by one worker. When a handler suspends, its worker waits with it, and another one goes on with the queue.
Workers are real tasks: `asyncio.timeout`, task groups and `current_task` work inside handlers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Coroutine, Generator
from contextvars import Context, copy_context
from types import CoroutineType, coroutine
from typing import Any, Final, Protocol, TypeAlias

MESSAGES_PER_PASS: Final = 128
"""After so many messages a worker lets the event loop look at sockets and timers."""

MOST_NEW_WORKERS: Final = 64
"""When handlers suspend while others wait in the queue, so many workers at most are started at once."""

Waiting: TypeAlias = "Awaitable[object] | tuple[Coroutine[Any, Any, Any], object]"
"""What a cell waits for: something to await; or a coroutine after its first step, and what that step waits for."""


class Served(Protocol):
    """What stands in the queue: an actor's cell."""

    def serve(self) -> Waiting | None:
        """Does one turn. Returns what has to be awaited to go on, or `None` when the turn is over."""
        ...

    def completed(self, result: Any) -> Waiting | None:
        """Goes on with the result of what was awaited. Returns like `serve`."""
        ...

    def failed(self, error: Exception | asyncio.CancelledError) -> Waiting | None:
        """Goes on after what was awaited raised. Returns like `serve`."""
        ...

    def abandon(self) -> None:
        """Its turn ended the program, by `SystemExit` or `KeyboardInterrupt`."""
        ...


class Scheduler:
    """Serves the actors of one system on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.budget = 0
        """Messages that may still be handled in this pass of the loop."""
        self.ready: deque[Served] = deque()
        self.serving = 0
        """Workers that serve the queue now, or will in the loop's next pass."""
        self.spare_mailboxes: list[deque[Any]] = []
        """Empty mailboxes of actors that had nothing more to do: making one costs more than emptying one."""
        self.base_context: Context = copy_context()
        """What handlers run in a copy of."""
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, cell: Served) -> None:
        """Puts the cell at the end of the queue. It must not stand there already."""
        self.ready.append(cell)
        if self.serving == 0:
            self.start_workers(1)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs `work` in a task beside the queue.

        The first thing that `work` does must be `await first_step()`. A `finally` around that runs even if the task is
        cancelled before its first step, when asyncio would drop a coroutine without running any of it.
        """
        work.send(None)
        # Not by loop.create_task: an eager task factory would run it at once, inside a handler.
        task = asyncio.Task(work, loop=self.loop, context=self.base_context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def interrupt(self) -> None:
        """Cancels every handler in flight."""
        for task in list(self._tasks):
            task.cancel()

    def start_workers(self, count: int) -> None:
        """Has more workers serve the queue from the next pass of the loop on."""
        self.serving += count
        for _ in range(count):
            _ = self.spawn(self._work())

    async def _work(self) -> None:
        try:
            await first_step()
            await self._serve_queue()
        finally:
            self.serving -= 1
            if self.ready and self.serving == 0:
                self.start_workers(1)

    @coroutine
    def _serve_queue(self) -> Generator[Any, Any, None]:
        ready = self.ready
        while True:
            self.budget = MESSAGES_PER_PASS
            while ready and self.budget > 0:
                cell = ready.popleft()
                try:
                    waiting = cell.serve()
                    if waiting is not None:
                        yield from self._wait_with(cell, waiting)
                except (KeyboardInterrupt, SystemExit):
                    cell.abandon()
                    raise
            if self.serving > 1 and not ready:
                return
            # One more pass before the worker ends: whoever was answered just now may ask again in this one.
            yield
            if not ready:
                return

    @coroutine
    def _wait_with(self, cell: Served, waiting: Waiting) -> Generator[Any, Any, None]:  # noqa: PLR0915 - the hot path
        """Ends the turn of a cell that has something to wait for, in the worker's own task."""
        cancelled: asyncio.CancelledError | None = None
        next_wait: Waiting | None = waiting
        while next_wait is not None:
            result: object = None
            failure: Exception | asyncio.CancelledError | None = None
            thrown: BaseException | None = None
            work: Any
            try:
                work, waits_for = next_wait if isinstance(next_wait, tuple) else _begun(next_wait)
                self._lend_queue()
                try:
                    try:
                        yield waits_for
                    except BaseException as error:
                        thrown = error
                    if thrown is None:
                        result = yield from work
                    else:  # outside of `except`: what was thrown is no context of the errors to come
                        result = yield from _throw(work, thrown)
                finally:
                    thrown = None  # its traceback knows this frame
                    self.serving += 1
                    if self.budget <= 0:
                        self.budget = 1  # it was the event loop that woke the worker: it may go on with its turn
            except StopIteration as returned:  # there was nothing to wait for
                result = returned.value
            except Exception as error:
                failure = error
            except asyncio.CancelledError as error:
                cancelled = failure = error
            next_wait = cell.completed(result) if failure is None else cell.failed(failure)
        if cancelled is not None:
            raise cancelled

    def _lend_queue(self) -> None:
        """The worker waits: another one serves the queue, if there is anybody in it."""
        self.serving -= 1
        if self.ready and self.serving == 0:
            self.start_workers(min(len(self.ready), MOST_NEW_WORKERS))


def _begun(awaitable: Awaitable[object]) -> tuple[Any, object]:
    """Takes the first step. Raises `StopIteration` if that was the last."""
    work = awaitable if isinstance(awaitable, CoroutineType) else _awaited(awaitable)
    return work, work.send(None)


@coroutine
def _throw(work: Any, error: BaseException) -> Generator[Any, Any, Any]:
    """Throws the error into work that waits, and goes on with it."""
    failure: BaseException | None = error
    del error
    while failure is not None:
        try:
            waits_for = work.throw(failure)
        except StopIteration as returned:
            return returned.value
        finally:
            failure = None
        try:
            yield waits_for
        except BaseException as another:
            failure = another
    return (yield from work)


async def _awaited(awaitable: Awaitable[object]) -> object:
    return await awaitable


@coroutine
def first_step() -> Generator[object, None, None]:
    """What work for `Scheduler.spawn` begins with. Returns in its task."""
    yield None
