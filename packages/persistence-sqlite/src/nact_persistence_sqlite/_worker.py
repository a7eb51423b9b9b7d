"""A thread that blocks so that the event loop doesn't have to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

Ts = TypeVarTuple("Ts")
R = TypeVar("R")
_Call: TypeAlias = "tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]] | None"


class Worker:
    """Runs calls on one thread of its own, in the order in which they were made.

    The thread begins with the first call. A process may end while it is running: it is a daemon.
    Handing a call over costs about half of what a `ThreadPoolExecutor` takes.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def call(self, function: Callable[[*Ts], R], *args: *Ts) -> asyncio.Future[R]:
        """What `function(*args)` returns or raises. If that is cancelled, it still runs, and its result is dropped."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[R] = loop.create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=_run, args=(self._calls,), name=self._name, daemon=True)
            self._thread.start()
        self._calls.put((loop, done, function, args))
        return done

    async def aclose(self, last_call: Callable[[], None]) -> None:
        """Waits for the calls made so far, makes a last one, and ends the thread; nothing, if there never was one."""
        if self._thread is not None:
            await self.call(last_call)
            self._calls.put(None)
            self._thread.join()
            self._thread = None


def _run(calls: SimpleQueue[_Call]) -> None:
    while (call := calls.get()) is not None:
        loop, done, function, args = call
        result, error = None, None
        try:
            result = function(*args)
        except BaseException as raised:  # noqa: BLE001 - it is raised again where the call was made
            error = raised
        with suppress(RuntimeError):  # that loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, done, result, error)
        del call, loop, done, function, args, result, error  # or they'd live until the next call


def _settle(done: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
