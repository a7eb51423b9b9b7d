"""The subjects: nact's actors on its SQLite engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from benchmarks import growing, persisting
from benchmarks.model import Run
from benchmarks.suites.sqlite import files
from nact.persistence import PersistenceEngine
from nact_persistence_sqlite import SqlitePersistenceEngine

R = TypeVar("R")


async def _writing(work: Callable[[PersistenceEngine, int], Awaitable[float]], run: Run) -> float:
    async with files.empty(run) as path:
        return await work(SqlitePersistenceEngine(path), run.n)


async def _working(work: Callable[[PersistenceEngine, Run], Awaitable[R]], run: Run) -> R:
    async with files.empty(run) as path, SqlitePersistenceEngine(path) as engine:
        return await work(engine, run)


async def _reading(work: Callable[[PersistenceEngine], Awaitable[float]], run: Run) -> float:
    async with SqlitePersistenceEngine(files.full(run)) as engine:
        return await work(engine)


async def persist_to_grown(run: Run) -> float:
    """Events a second, in a file that holds many."""
    return await growing.persist(partial(SqlitePersistenceEngine, files.grown(run)), run)


async def read_from_grown(run: Run) -> float:
    """Events a second, from a file that holds many, a hundred at a time."""
    async with SqlitePersistenceEngine(files.grown(run)) as engine:
        return await growing.read(engine, run)


persist_by_one = partial(_writing, persisting.persist_by_one)
persist_by_many = partial(_writing, persisting.persist_by_many)
persist_by_many_with_recovery = partial(_writing, persisting.persist_by_many_with_recovery)
persist = partial(_working, persisting.persist)
persist_latencies = partial(_working, persisting.persist_latencies)
recover = partial(_reading, persisting.recover)
replay = partial(_reading, persisting.replay)
