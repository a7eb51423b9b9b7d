"""The subjects: nact's actors on its Redis engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from benchmarks import persisting
from benchmarks.model import Run
from benchmarks.suites.redis import server
from nact.persistence import PersistenceEngine


async def _writing(work: Callable[[PersistenceEngine, int], Awaitable[float]], fsync: str, run: Run) -> float:
    async with server.empty(run, fsync):
        return await work(server.engine(run, fsync), run.n)


async def _reading(work: Callable[[PersistenceEngine], Awaitable[float]], run: Run) -> float:
    async with server.engine(run) as engine:
        return await work(engine)


persist_by_one = partial(_writing, persisting.persist_by_one, server.ALWAYS)
persist_by_many = partial(_writing, persisting.persist_by_many, server.ALWAYS)
persist_by_many_everysec = partial(_writing, persisting.persist_by_many, server.EVERYSEC)
persist_by_many_with_recovery = partial(_writing, persisting.persist_by_many_with_recovery, server.ALWAYS)
recover = partial(_reading, persisting.recover)
replay = partial(_reading, persisting.replay)
