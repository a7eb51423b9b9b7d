"""The run queue: which actors have something to do, and the worker tasks that serve them.

Idle actors cost no task. An actor with something to do stands in the queue once; a worker takes it out, and owns it
until its turn is over, so that no two of its handlers ever run at once. Handlers that don't suspend are called one
after another by one worker. When a handler suspends, its worker waits with it, and another one goes on with the queue.
Workers are real tasks: `asyncio.timeout`, task groups and `current_task` work inside handlers.

What a handler sets in its context is for its own message (see `_contexts`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from types import CoroutineType, coroutine
from typing import Any, Final, Protocol, TypeAlias

from nact._runtime.contexts import base_context, differ, stepped_in

MESSAGES_PER_PASS: Final = 128
"""After so many messages a worker lets the event loop look at sockets and timers."""

MOST_NEW_WORKERS: Final = 64
"""When handlers suspend while others wait in the queue, so many workers at most are started at once."""

PAUSE_AFTER_CANCELLATION: Final = 0.02
"""Seconds until the queue is served again after its last worker was cancelled. A loop that is closing ends before."""
PASSES_AFTER_CANCELLATION: Final = 10
"""Passes of the loop that this takes at least: one in which much is logged can last longer than the seconds do."""

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

    def failed(self, error: BaseException) -> Waiting | None:
        """Goes on after what was awaited raised. Returns like `serve`."""
        ...

    def abandon(self, error: BaseException) -> None:
        """Its turn was cut off by `SystemExit` or `KeyboardInterrupt`, which end the program, or by a fault of ours."""
        ...

    def refuse_when(self, is_over: Callable[[], bool], error: Callable[[], Exception]) -> None:
        """Its mailbox raises the error, once its event loop is over."""
        ...


class Scheduler:
    """Serves the actors of one system on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, system_name: str) -> None:
        self.loop = loop
        self._system_name = system_name
        self.budget = 0
        """Messages that may still be handled in this pass of the loop."""
        self.ready: deque[Served] = deque()
        self.serving = 0
        """Workers that serve the queue now, or will in the loop's next pass."""
        self.spare_mailboxes: list[deque[Any]] = []
        """Empty mailboxes of actors that had nothing more to do: making one costs more than emptying one."""
        self.base_context: Context = base_context()
        """What handlers run in a copy of."""
        self.context: Context = self.base_context
        """That of the worker that has the word now."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_impatient = False

    def add(self, cell: Served) -> None:
        """Puts the cell at the end of the queue. It must not stand there already."""
        if self.serving == 0:
            self.start_workers(1)  # from the loop's next pass on; first, for it may raise
        self.ready.append(cell)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs `work` in a task beside the queue.

        The first thing that `work` does must be `await first_step()`. A `finally` around that runs even if the task is
        cancelled before its first step, when asyncio would drop a coroutine without running any of it.
        """
        return self._begin(work, self.base_context.copy())

    def _begin(self, work: Coroutine[Any, Any, None], context: Context) -> asyncio.Task[None]:
        work.send(None)
        # Not by loop.create_task: an eager task factory would run it at once, inside a handler.
        task = asyncio.Task(work, loop=self.loop, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def interrupt(self) -> None:
        """Cancels every handler in flight. The loop isn't closing: somebody waits for the end of the system."""
        self._is_impatient = True
        for task in list(self._tasks):
            task.cancel()

    def runs_this(self) -> bool:
        """Whether the caller runs in a task of this scheduler: a coroutine that is closed by the collector doesn't."""
        return asyncio.current_task(self.loop) in self._tasks

    # --- workers -----------------------------------------------------------------------------------------------------

    def start_workers(self, count: int) -> None:
        """Has more workers serve the queue from the next pass of the loop on.

        Raises:
            RuntimeError: The loop is closed, or runs in another thread.
        """
        self.check_loop()
        self.serving += count
        for _ in range(count):
            context = self.base_context.copy()
            _ = self._begin(self._work(context), context)

    def check_loop(self) -> None:
        """Raises `RuntimeError` if the loop is closed, so that nothing will ever run on it, or in another thread."""
        if self.loop.is_closed():
            raise self._loop_is_closed()
        if self.loop.is_running() and _running_loop() is not self.loop:
            raise RuntimeError(
                f"actor system {self._system_name!r} runs on the event loop of another thread. Call "
                "loop.call_soon_threadsafe(dispatch, ref, msg), with the loop that start() was called in"
            )

    def resume(self) -> None:
        """Has the queue served, if no worker does."""
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
            is_soiled = await self._serve_queue(context)
            while is_soiled:
                context = self.base_context.copy()
                is_soiled = await stepped_in(context, self._serve_queue(context))
        except GeneratorExit:
            self.serving -= 1
            raise  # the task was thrown away with its loop: there is nothing to go on with
        except BaseException:
            self.serving -= 1
            self._go_on_later()
            raise
        self.serving -= 1

    def _go_on_later(self) -> None:
        """A worker was cancelled, or ended the program. Perhaps the loop is closing; perhaps all goes on."""
        if self._is_impatient:
            self.resume()
        elif self.serving == 0 and self.ready:
            for cell in self.ready:
                cell.refuse_when(self.loop.is_closed, self._loop_is_closed)
            # No task would survive the loop's end without a word on stderr. A timer does.
            self._resume_after(PASSES_AFTER_CANCELLATION)

    def _resume_after(self, passes: int) -> None:
        if passes == 0:
            self.resume()
            return
        pause = PAUSE_AFTER_CANCELLATION / PASSES_AFTER_CANCELLATION
        self.loop.call_later(pause, self._resume_after, passes - 1, context=Context())

    @coroutine
    def _serve_queue(self, context: Context) -> Generator[Any, Any, bool]:
        """Serves until nothing is to be done, or a handler has changed the context. Returns whether it has."""
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
                    if not self._has_survived(cell, error):
                        raise
                try:
                    if context != base:  # `differ`, without the call
                        return True
                except Exception:
                    return True
            if self.serving > 1 and not ready:
                return False
            # One more pass before the worker ends: whoever was answered just now may ask again in this one.
            yield
            if not ready:
                return False

    def _has_survived(self, cell: Served, error: BaseException) -> bool:
        """Whether the worker goes on after an error that no cell raises, as far as we know. The cell never does."""
        if isinstance(error, asyncio.CancelledError) or (isinstance(error, GeneratorExit) and not self.runs_this()):
            return False  # meant for the worker
        cell.abandon(error)
        return not isinstance(error, KeyboardInterrupt | SystemExit)

    @coroutine
    def _wait_with(  # noqa: PLR0912, PLR0915 - the hot path
        self, cell: Served, waiting: Waiting, context: Context
    ) -> Generator[Any, Any, None]:
        """Ends the turn of a cell that has something to wait for, in the worker's own task."""
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
                    else:  # outside of `except`: what was thrown is no context of the errors to come
                        result = yield from _throw(work, thrown)
                finally:
                    thrown = None  # its traceback knows this frame
                    self.serving += 1
                    self.context = context
                    if self.budget <= 0:
                        self.budget = 1  # it was the event loop that woke the worker: it may go on with its turn
            except StopIteration as returned:  # there was nothing to wait for
                result = returned.value
            except asyncio.CancelledError as error:
                cancelled = failure = error
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                if isinstance(error, GeneratorExit) and not self.runs_this():
                    raise
                failure = error
            if differ(context, self.base_context):
                self.budget = 0  # what the handler set is for its own message: the cell's next one is for another turn
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


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@coroutine
def first_step() -> Generator[object, None, None]:
    """What work for `Scheduler.spawn` begins with. Returns in its task."""
    yield None
