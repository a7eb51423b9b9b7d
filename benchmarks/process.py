"""A process of its own for each subject: none finds another one's threads, garbage or warm caches."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Awaitable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Self

from benchmarks import registry
from benchmarks.model import Run

WARM_UP = 0.2
"""The part of a sample that a subject does before its first one, and nobody counts."""

_warm: set[str] = set()


class Process:
    """Calls code in a process of its own: one that stays, and is warmed up, or a fresh one each time."""

    def __init__(self, *, fresh: bool = False) -> None:
        self._fresh = fresh
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1 if fresh else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=error is None, cancel_futures=True)

    def call(self, code: str, run: Run) -> Any:
        """What the code returns or raises.

        Raises:
            NotHereError: It needs what isn't here.
        """
        return self._pool.submit(_call, code, run, warm_up=not self._fresh).result()


def _call(code: str, run: Run, *, warm_up: bool) -> Any:
    function = registry.function(code)
    if warm_up and code not in _warm:
        _warm.add(code)
        _finished(function(replace(run, n=max(1, int(run.n * WARM_UP)))))
    gc.collect()
    return _finished(function(run))


def _finished(result: Any) -> Any:
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result
