"""The run queue of actors with something to do, and the worker tasks that serve it.

Idle actors cost no task. An actor with something to do stands in the queue once. A worker takes it out, and owns it
until its turn is over, so that its handler never runs twice at once. One worker calls the handlers that don't suspend,
one after another. When a handler suspends, its worker waits with it, and another worker goes on with the queue.
Workers are real tasks: `asyncio.timeout`, task groups and `current_task` work inside handlers.

Context variables that a handler sets apply to its own message only (see `_runtime.contexts`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from types import CoroutineType, coroutine
from typing import Any, Final, Protocol, TypeAlias

from nact._runtime.contexts import base_context, have_diverged, run_in

MESSAGES_PER_PASS: Final = 128
"""The most messages that a worker handles before the event loop looks at sockets and timers."""

MOST_NEW_WORKERS: Final = 64
"""The most workers that are started at once when a handler suspends while the queue isn't empty."""

PAUSE_AFTER_CANCELLATION: Final = 0.02
"""Seconds until the queue is served again after its last worker was cancelled: a loop that is closing ends sooner."""

PASSES_AFTER_CANCELLATION: Final = 10
"""Passes of the loop that this takes at least: one in which much is logged can last longer than the seconds do."""

Waiting: TypeAlias = "Awaitable[object] | tuple[Coroutine[Any, Any, Any], object]"
"""An awaitable that a cell waits for; or a coroutine after its first step, with the value that this step yielded."""


class Runnable(Protocol):
    """An entry of the queue: an actor's cell."""

    def serve(self) -> Waiting | None:
        """Does one turn. Returns the awaitable that it has to wait for, or `None` when the turn is over."""
        ...

    def completed(self, result: Any) -> Waiting | None:
        """Goes on with the result of the awaitable. Returns like `serve`."""
        ...

    def failed(self, error: BaseException) -> Waiting | None:
        """Goes on after the awaitable has raised. Returns like `serve`."""
        ...

    def abandon(self, error: BaseException) -> None:
        """Ends a turn that `SystemExit` or `KeyboardInterrupt`, which end the program, or a defect of nact cut off."""
        ...

    def refuse_when(self, is_over: Callable[[], bool], error: Callable[[], Exception]) -> None:
        """Makes the mailbox raise `error()` for new messages once `is_over()` is true."""
        ...


class Scheduler:
    """Serves the actors of one system on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, system_name: str) -> None:
        self.loop = loop
        self._system_name = system_name
        self.budget = 0
        """The number of messages that may still be handled in this pass of the loop."""
        self.ready: deque[Runnable] = deque()
        self.serving = 0
        """The number of workers that serve the queue now, or will in the loop's next pass."""
        self.spare_mailboxes: list[deque[Any]] = []
        """Empty mailboxes for reuse, since making a deque is slow."""
        self.base_context: Context = base_context()
        """Handlers run in copies of it."""
        self.context: Context = self.base_context
        """The context of the worker that runs now."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_interrupting = False

    def add(self, cell: Runnable) -> None:
        """Puts the cell at the end of the queue. It mustn't be there already."""
        if self.serving == 0:
            self.start_workers(1)  # for the loop's next pass; before the rest, since it may raise
        self.ready.append(cell)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs `work` in a task beside the queue.

        `work` must begin with `await first_step()`. A `finally` around that runs even if the task is cancelled before
        its first step; asyncio alone would then drop the coroutine without running any of it.
        """
        return self._begin(work, self.base_context.copy())

    def _begin(self, work: Coroutine[Any, Any, None], context: Context) -> asyncio.Task[None]:
        work.send(None)
        # Without loop.create_task: an eager task factory would run it at once, inside a handler.
        task = asyncio.Task(work, loop=self.loop, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def interrupt(self) -> None:
        """Cancels every handler in progress, to end the system. The loop isn't closing: it runs until that end."""
        self._is_interrupting = True
        for task in list(self._tasks):
            task.cancel()

    def runs_current_task(self) -> bool:
        """Tells whether the current task is one of this scheduler's. It isn't when the collector closes a coroutine."""
        return asyncio.current_task(self.loop) in self._tasks

    # --- workers -----------------------------------------------------------------------------------------------------

    def start_workers(self, count: int) -> None:
        """Starts workers, which serve the queue from the next pass of the loop on.

        Raises:
            RuntimeError: The loop is closed, or runs in another thread.
        """
        self.check_loop()
        self.serving += count
        for _ in range(count):
            context = self.base_context.copy()
            _ = self._begin(self._work(context), context)

    def check_loop(self) -> None:
        """Raises `RuntimeError` if the loop is closed, or runs in another thread."""
        if self.loop.is_closed():
            raise self._loop_is_closed()
        if self.loop.is_running() and _running_loop() is not self.loop:
            raise RuntimeError(
                f"actor system {self._system_name!r} runs on the event loop of another thread. Call "
                "loop.call_soon_threadsafe(dispatch, ref, msg), with the loop that start() was called in"
            )

    def resume(self) -> None:
        """Starts a worker if the queue isn't empty and none serves it."""
        if self.ready and self.serving == 0 and not self.loop.is_closed():
            self.start_workers(1)

    def _loop_is_closed(self) -> Exception:
        return RuntimeError(
            f"the event loop of actor system {self._system_name!r} is closed: its actors can't do anything any more. "
            "Use `async with start() as system`, or stop(system) and await stopped(system), before the loop ends; and "
            "start another system in each event loop"
        )

    async def _work(self, context: Context) -> None:
        try:
            await first_step()
            context_changed = await self._serve_queue(context)
            while context_changed:
                context = self.base_context.copy()
                context_changed = await run_in(context, self._serve_queue(context))
        except GeneratorExit:
            self.serving -= 1
            raise  # the loop is gone, and the task is being collected: nothing can go on
        except BaseException:
            self.serving -= 1
            self._resume_later()
            raise
        self.serving -= 1

    def _resume_later(self) -> None:
        """Called when a worker was cancelled or is ending the program. Serves the queue later if the loop lives on."""
        if self._is_interrupting:
            self.resume()
        elif self.serving == 0 and self.ready:
            for cell in self.ready:
                cell.refuse_when(self.loop.is_closed, self._loop_is_closed)
            # A timer rather than a task: asyncio.run would cancel a task, or warn of it on stderr.
            self._resume_after(PASSES_AFTER_CANCELLATION)

    def _resume_after(self, passes: int) -> None:
        if passes == 0:
            self.resume()
            return
        pause = PAUSE_AFTER_CANCELLATION / PASSES_AFTER_CANCELLATION
        self.loop.call_later(pause, self._resume_after, passes - 1, context=Context())

    @coroutine
    def _serve_queue(self, context: Context) -> Generator[Any, Any, bool]:
        """Serves until the queue is empty, or a handler has changed the context. Returns whether one has."""
        ready, base = self.ready, self.base_context
        while True:
            self.budget = MESSAGES_PER_PASS
            self.context = context
            while ready and self.budget > 0:
                cell = ready.popleft()
                try:
                    waiting = cell.serve()
                    if waiting is not None:
                        yield from self._wait_with(cell, waiting, context)
                except BaseException as error:
                    if not self._survives(cell, error):
                        raise
                try:
                    if context != base:  # `have_diverged`, without the call
                        return True
                except Exception:
                    return True
            if self.serving > 1 and not ready:
                return False
            # One more pass before the worker ends: an asker that has just got its answer may ask again in it.
            yield
            if not ready:
                return False

    def _survives(self, cell: Runnable, error: BaseException) -> bool:
        """Abandons the cell after an error that no cell should raise. Returns whether the worker goes on."""
        if isinstance(error, asyncio.CancelledError) or (
            isinstance(error, GeneratorExit) and not self.runs_current_task()
        ):
            return False  # it concerns the worker, not the cell
        cell.abandon(error)
        return not isinstance(error, KeyboardInterrupt | SystemExit)

    @coroutine
    def _wait_with(  # noqa: PLR0912, PLR0915 - the hot path
        self, cell: Runnable, waiting: Waiting, context: Context
    ) -> Generator[Any, Any, None]:
        """Awaits what a cell waits for, in the worker's own task, and ends the cell's turn."""
        cancelled: asyncio.CancelledError | None = None
        next_wait: Waiting | None = waiting
        while next_wait is not None:
            result: object = None
            failure: BaseException | None = None
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
                    else:  # outside `except`, so that later errors don't get it as their context
                        result = yield from _throw(work, thrown)
                finally:
                    thrown = None  # its traceback refers to this frame: that would be a cycle
                    self.serving += 1
                    self.context = context
                    if self.budget <= 0:
                        self.budget = 1  # the event loop has run since: the worker may go on with its turn
            except StopIteration as returned:  # the first step was the last
                result = returned.value
            except asyncio.CancelledError as error:
                cancelled = failure = error
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                if isinstance(error, GeneratorExit) and not self.runs_current_task():
                    raise
                failure = error
            if have_diverged(context, self.base_context):
                self.budget = 0  # the handler changed the context: the cell's next message waits for another turn
            next_wait = cell.completed(result) if failure is None else cell.failed(failure)
        if cancelled is not None:
            raise cancelled

    def _lend_queue(self) -> None:
        """Leaves the queue to another worker while this one waits."""
        self.serving -= 1
        if self.ready and self.serving == 0:
            self.start_workers(min(len(self.ready), MOST_NEW_WORKERS))


def _begun(awaitable: Awaitable[object]) -> tuple[Any, object]:
    """Takes the first step. Raises `StopIteration` if it was the last."""
    work = awaitable if isinstance(awaitable, CoroutineType) else _awaited(awaitable)
    return work, work.send(None)


@coroutine
def _throw(work: Any, error: BaseException) -> Generator[Any, Any, Any]:
    """Throws the error into suspended work, and runs the work on."""
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


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@coroutine
def first_step() -> Generator[object, None, None]:
    """The beginning of all work for `Scheduler.spawn`. Returns when its task has started."""
    yield None
