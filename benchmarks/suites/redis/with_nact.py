"""The subjects: nact's actors on its Redis engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from benchmarks import growing, persisting
from benchmarks.model import Run
from benchmarks.suites.redis import server
from nact.persistence import PersistenceEngine

R = TypeVar("R")


async def _writing(work: Callable[[PersistenceEngine, int], Awaitable[float]], fsync: str, run: Run) -> float:
    async with server.empty(run, fsync):
        return await work(server.engine(run, fsync), run.n)


async def _working(work: Callable[[PersistenceEngine, Run], Awaitable[R]], run: Run) -> R:
    async with server.empty(run):
        return await work(server.engine(run), run)


async def _reading(work: Callable[[PersistenceEngine], Awaitable[float]], run: Run) -> float:
    async with server.engine(run) as engine:
        return await work(engine)


async def persist_to_grown(run: Run) -> float:
    """Events a second, to a server that holds many."""
    return await growing.persist(partial(server.grown, run), run)


async def read_from_grown(run: Run) -> float:
    """Events a second, from a server that holds many, a hundred at a time."""
    async with server.grown(run) as engine:
        return await growing.read(engine, run)


persist_by_one = partial(_writing, persisting.persist_by_one, server.ALWAYS)
persist_by_many = partial(_writing, persisting.persist_by_many, server.ALWAYS)
persist_by_many_everysec = partial(_writing, persisting.persist_by_many, server.EVERYSEC)
persist_by_many_with_recovery = partial(_writing, persisting.persist_by_many_with_recovery, server.ALWAYS)
persist = partial(_working, persisting.persist)
persist_latencies = partial(_working, persisting.persist_latencies)
recover = partial(_reading, persisting.recover)
replay = partial(_reading, persisting.replay)
