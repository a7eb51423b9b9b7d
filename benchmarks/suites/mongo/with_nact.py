"""The subjects: nact's actors on its MongoDB engine, with either driver."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from benchmarks import growing, persisting
from benchmarks.model import Run
from benchmarks.suites.mongo import journals
from benchmarks.suites.mongo.journals import Driver
from nact.persistence import PersistenceEngine
from nact_persistence_mongo import MongoPersistenceEngine

R = TypeVar("R")


async def _write(driver: Driver, work: Callable[[PersistenceEngine, int], Awaitable[float]], run: Run) -> float:
    async with journals.empty(driver, run) as database:
        return await work(MongoPersistenceEngine(database), run.n)


async def _work(driver: Driver, work: Callable[[PersistenceEngine, Run], Awaitable[R]], run: Run) -> R:
    async with journals.empty(driver, run) as database, MongoPersistenceEngine(database) as engine:
        return await work(engine, run)


async def _read(driver: Driver, work: Callable[[PersistenceEngine], Awaitable[float]], run: Run) -> float:
    async with journals.full(driver, run) as database, MongoPersistenceEngine(database) as engine:
        return await work(engine)


async def motor_to_grown(run: Run) -> float:
    """Events a second, in a database that holds many."""
    async with journals.full(journals.motor, run) as database:
        return await growing.persist(partial(MongoPersistenceEngine, database), run)


async def motor_from_grown(run: Run) -> float:
    """Events a second, from a database that holds many, a hundred at a time."""
    async with journals.full(journals.motor, run) as database, MongoPersistenceEngine(database) as engine:
        return await growing.read(engine, run)


motor_by_one = partial(_write, journals.motor, persisting.persist_by_one)
motor_by_many = partial(_write, journals.motor, persisting.persist_by_many)
motor_by_many_with_recovery = partial(_write, journals.motor, persisting.persist_by_many_with_recovery)
motor_persist = partial(_work, journals.motor, persisting.persist)
motor_latencies = partial(_work, journals.motor, persisting.persist_latencies)
motor_recover = partial(_read, journals.motor, persisting.recover)
motor_replay = partial(_read, journals.motor, persisting.replay)

pymongo_by_one = partial(_write, journals.pymongo, persisting.persist_by_one)
pymongo_by_many = partial(_write, journals.pymongo, persisting.persist_by_many)
pymongo_by_many_with_recovery = partial(_write, journals.pymongo, persisting.persist_by_many_with_recovery)
pymongo_recover = partial(_read, journals.pymongo, persisting.recover)
pymongo_replay = partial(_read, journals.pymongo, persisting.replay)
