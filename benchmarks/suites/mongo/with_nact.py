"""The subjects: nact's actors on its MongoDB engine, with either driver."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from benchmarks import persisting
from benchmarks.model import Run
from benchmarks.suites.mongo import journals
from benchmarks.suites.mongo.journals import Driver
from nact.persistence import PersistenceEngine
from nact_persistence_mongo import MongoPersistenceEngine

_Writing: TypeAlias = Callable[[PersistenceEngine, int], Awaitable[float]]
_Reading: TypeAlias = Callable[[PersistenceEngine], Awaitable[float]]


async def _write(driver: Driver, work: _Writing, run: Run) -> float:
    async with journals.empty(driver) as database:
        return await work(MongoPersistenceEngine(database), run.n)


async def _read(driver: Driver, work: _Reading, run: Run) -> float:
    async with journals.full(driver, run) as database, MongoPersistenceEngine(database) as engine:
        return await work(engine)


motor_by_one = partial(_write, journals.motor, persisting.persist_by_one)
motor_by_many = partial(_write, journals.motor, persisting.persist_by_many)
motor_by_many_with_recovery = partial(_write, journals.motor, persisting.persist_by_many_with_recovery)
motor_recover = partial(_read, journals.motor, persisting.recover)
motor_replay = partial(_read, journals.motor, persisting.replay)

pymongo_by_one = partial(_write, journals.pymongo, persisting.persist_by_one)
pymongo_by_many = partial(_write, journals.pymongo, persisting.persist_by_many)
pymongo_by_many_with_recovery = partial(_write, journals.pymongo, persisting.persist_by_many_with_recovery)
pymongo_recover = partial(_read, journals.pymongo, persisting.recover)
pymongo_replay = partial(_read, journals.pymongo, persisting.replay)
