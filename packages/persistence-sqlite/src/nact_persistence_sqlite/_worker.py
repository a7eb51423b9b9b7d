"""A thread for blocking calls, so that the event loop goes on."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from time import monotonic
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

from nact.errors import EngineUnavailableError

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

_LONGEST_HOLD = 0.001
"""Seconds that a result waits for the results of the next calls. An event loop that is woken for each result contends
with the thread for the interpreter's lock. Calls are short, and the next call waits for this one in any case."""


class _Answers:
    """Results on their way to an event loop, which is woken once for all that it hasn't seen yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._given: deque[tuple[asyncio.Future[Any], object, BaseException | None]] = deque()
        self._is_woken = False

    def give(self, done: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
        """Hands over a result, from the thread. The loop may not see it before `wake` is called."""
        self._given.append((done, result, error))

    def wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):  # that loop is closed, and no caller is left
                self.loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        self._is_woken = False  # first: a result that is given from now on may be too late for this pass
        while self._given:
            done, result, error = self._given.popleft()
            if done.done():
                continue
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)


_Call: TypeAlias = "tuple[_Answers, asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]] | None"


class Worker:
    """Runs calls on one thread of its own, in the order in which they were made.

    The thread starts with the first call. It is a daemon: a process may end while it is running.
    Handing over a call costs about half as much as with a `ThreadPoolExecutor`.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._answers: _Answers | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """True while there is a thread, so that calls may be under way."""
        return self._thread is not None

    def call(self, function: Callable[[*Ts], R], *args: *Ts) -> asyncio.Future[R]:
        """The result or error of `function(*args)`. A cancelled call still runs, and its result is dropped.

        Raises:
            EngineUnavailableError: The thread can't be started now. The next call tries again.
        """
        loop, answers = asyncio.get_running_loop(), self._answers
        if answers is None or answers.loop is not loop:
            answers = self._answers = _Answers(loop)
        done: asyncio.Future[R] = loop.create_future()
        if self._thread is None:
            self._start()
        self._calls.put((answers, done, function, args))
        return done

    async def aclose(self, last_call: Callable[[], None]) -> None:
        """Waits for the calls made so far, makes a last one, and ends the thread. Does nothing if there is no thread.

        Goes on when it is cancelled. May be called several times at once.
        """
        if self._thread is not None:
            loop = asyncio.get_running_loop()
            if self._ending is None or self._ending.get_loop() is not loop:  # that loop may have ended meanwhile
                self._ending = asyncio.create_task(self._end(self._thread, last_call), name=f"end {self._name}")
            await asyncio.shield(self._ending)

    def _start(self) -> None:
        self._thread = threading.Thread(target=_run, args=(self._calls,), name=self._name, daemon=True)
        try:
            self._thread.start()
        except (RuntimeError, MemoryError) as error:
            self._thread = None
            raise EngineUnavailableError(
                f"this process can't start the thread {self._name!r} ({error}): it, or its container, has too many "
                "threads, or no memory for another one",
            ) from error

    async def _end(self, thread: threading.Thread, last_call: Callable[[], None]) -> None:
        try:
            await self.call(last_call)
        finally:
            self._calls.put(None)
            thread.join()
            self._thread = self._answers = self._ending = None


def _run(calls: SimpleQueue[_Call]) -> None:
    answers, woken_at = None, 0.0
    while (call := calls.get()) is not None:
        if answers is not None and answers is not call[0]:
            answers.wake()
        answers, done, function, args = call
        result, error = None, None
        try:
            result = function(*args)
        except BaseException as raised:  # noqa: BLE001 - it is raised again where the call was made
            error = raised
        answers.give(done, result, error)
        if calls.empty() or monotonic() > woken_at + _LONGEST_HOLD:
            answers.wake()
            woken_at = monotonic()
        del call, done, function, args, result, error  # or they'd live until the next call
    if answers is not None:
        answers.wake()
