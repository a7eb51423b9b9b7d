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
from types import coroutine
from typing import Any, Final, Protocol

MESSAGES_PER_PASS: Final = 128
"""After so many messages a worker lets the event loop look at sockets and timers."""

MOST_NEW_WORKERS: Final = 64
"""When handlers suspend while others wait in the queue, so many workers at most are started at once."""


_PASS: Final = object()  # what a worker yields that waits for the next pass of the loop, and for nothing else


class Served(Protocol):
    """What stands in the queue: an actor's cell."""

    def serve(self) -> Awaitable[object] | None:
        """Does one turn. Returns what has to be awaited to go on, or `None` when the turn is over."""
        ...

    def completed(self, result: Any) -> Awaitable[object] | None:
        """Goes on with the result of what was awaited. Returns like `serve`."""
        ...

    def failed(self, error: Exception | asyncio.CancelledError) -> Awaitable[object] | None:
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
        self._ready: deque[Served] = deque()
        self._serving = 0  # workers that serve the queue now, or will in the loop's next pass
        self._context: Context = copy_context()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, cell: Served) -> None:
        """Puts the cell at the end of the queue. It must not stand there already."""
        self._ready.append(cell)
        if self._serving == 0:
            self._start_workers(1)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs `work` in a task beside the queue.

        The first thing that `work` does must be `await first_step()`. A `finally` around that runs even if the task is
        cancelled before its first step, when asyncio would drop a coroutine without running any of it.
        """
        work.send(None)
        # Not by loop.create_task: an eager task factory would run it at once, inside a handler.
        task = asyncio.Task(work, loop=self.loop, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def interrupt(self) -> None:
        """Cancels every handler in flight."""
        for task in list(self._tasks):
            task.cancel()

    def _start_workers(self, count: int) -> None:
        self._serving += count
        for _ in range(count):
            _ = self.spawn(self._work())

    async def _work(self) -> None:
        try:
            await first_step()
            await self._step_by_step()
        finally:
            self._serving -= 1
            if self._ready and self._serving == 0:
                self._start_workers(1)

    @coroutine
    def _step_by_step(self) -> Generator[Any, Any, None]:
        """Runs `_serve_queue`, and sees when it suspends in a handler (and not just for the loop's next pass)."""
        steps = self._serve_queue()
        argument = None
        error: BaseException | None = None
        while True:
            try:
                waiting_for = steps.send(argument) if error is None else steps.throw(error)
            except StopIteration:
                return
            argument = error = None
            if waiting_for is _PASS:
                yield
                continue
            self._serving -= 1
            if self._ready and self._serving == 0:
                self._start_workers(min(len(self._ready), MOST_NEW_WORKERS))
            try:
                argument = yield waiting_for
            except BaseException as thrown:
                error = thrown
            self._serving += 1

    @coroutine
    def _serve_queue(self) -> Generator[Any, Any, None]:
        ready = self._ready
        while True:
            self.budget = MESSAGES_PER_PASS
            while ready and self.budget > 0:
                cell = ready.popleft()
                try:
                    waiting = cell.serve()
                    if waiting is not None:
                        yield from _serve_on(cell, waiting)
                except (KeyboardInterrupt, SystemExit):
                    cell.abandon()
                    raise
            if self._serving > 1 and not ready:
                return
            # One more pass before the worker ends: whoever was answered just now may ask again in this one.
            yield _PASS
            if not ready:
                return


@coroutine
def first_step() -> Generator[object, None, None]:
    """What work for `Scheduler.spawn` begins with. Returns in its task."""
    yield _PASS


async def _serve_on(cell: Served, waiting: Awaitable[object]) -> None:
    """Ends the turn of a cell that has something to wait for."""
    cancelled: asyncio.CancelledError | None = None
    next_wait: Awaitable[object] | None = waiting
    while next_wait is not None:
        try:
            result = await next_wait
        except Exception as error:
            next_wait = cell.failed(error)
        except asyncio.CancelledError as error:
            cancelled, next_wait = error, cell.failed(error)
        else:
            next_wait = cell.completed(result)
    if cancelled is not None:
        raise cancelled
