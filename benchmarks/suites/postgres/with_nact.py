"""The subjects: nact's actors on its Postgres engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from benchmarks import persisting
from benchmarks.load import KEY
from benchmarks.measuring import memory_now, memory_peak
from benchmarks.model import Run
from benchmarks.suites.postgres import tables
from nact.persistence import PersistenceEngine
from nact_persistence_postgres import PostgresPersistenceEngine

R = TypeVar("R")

MB = 1024 * 1024


async def _writing(work: Callable[[PersistenceEngine, int], Awaitable[float]], run: Run) -> float:
    async with tables.empty(run) as schema:
        return await work(PostgresPersistenceEngine(run.server, schema=schema), run.n)


async def _working(work: Callable[[PersistenceEngine, Run], Awaitable[R]], run: Run) -> R:
    async with tables.empty(run) as schema:
        return await work(PostgresPersistenceEngine(run.server, schema=schema), run)


async def _reading(work: Callable[[PersistenceEngine], Awaitable[float]], run: Run) -> float:
    async with PostgresPersistenceEngine(run.server, schema=tables.FULL) as engine:
        return await work(engine)


async def _growing(work: Callable[[PersistenceEngine], Awaitable[float]], run: Run) -> float:
    async with PostgresPersistenceEngine(run.server, schema=tables.FULL) as engine:
        await engine.highest_sequence_number(KEY)  # a connection is open
        before = memory_now()
        await work(engine)
        return (memory_peak() - before) / MB


persist = partial(_working, persisting.persist)
persist_latencies = partial(_working, persisting.persist_latencies)
persist_by_one = partial(_writing, persisting.persist_by_one)
persist_by_many = partial(_writing, persisting.persist_by_many)
persist_by_many_with_recovery = partial(_writing, persisting.persist_by_many_with_recovery)
recover = partial(_reading, persisting.recover)
replay = partial(_reading, persisting.replay)
memory_of_recovery = partial(_growing, persisting.recover)
memory_of_replay = partial(_growing, persisting.replay)
