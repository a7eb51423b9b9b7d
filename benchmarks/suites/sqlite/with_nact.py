"""The subjects: nact's actors on its SQLite engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from benchmarks import persisting
from benchmarks.model import Run
from benchmarks.suites.sqlite import files
from nact.persistence import PersistenceEngine
from nact_persistence_sqlite import SqlitePersistenceEngine


async def _writing(work: Callable[[PersistenceEngine, int], Awaitable[float]], run: Run) -> float:
    async with files.empty(run) as path:
        return await work(SqlitePersistenceEngine(path), run.n)


async def _reading(work: Callable[[PersistenceEngine], Awaitable[float]], run: Run) -> float:
    async with SqlitePersistenceEngine(files.full(run)) as engine:
        return await work(engine)


persist_by_one = partial(_writing, persisting.persist_by_one)
persist_by_many = partial(_writing, persisting.persist_by_many)
persist_by_many_with_recovery = partial(_writing, persisting.persist_by_many_with_recovery)
recover = partial(_reading, persisting.recover)
replay = partial(_reading, persisting.replay)
