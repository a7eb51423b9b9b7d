"""The subjects: Motor, and PyMongo's own async client, by the same code."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import bson

from benchmarks.latency import Latencies
from benchmarks.load import ACTORS, BATCH, KEY
from benchmarks.measuring import Lap, Stopwatch
from benchmarks.model import Run
from benchmarks.suites.mongo import journals
from benchmarks.suites.mongo.journals import Document, Driver, document


async def _insert(driver: Driver, run: Run, writers: int) -> float:
    each = max(1, run.n // writers)
    return each * writers / await _seconds(driver, run, writers, each, [])


async def _at_once(driver: Driver, run: Run) -> float:
    """Events a second, each in a round trip of its own, by `run.writers` at once."""
    return await _insert(driver, run, run.writers)


async def _latencies(driver: Driver, run: Run) -> Latencies:
    """How long each event takes, by `run.writers` at once."""
    milliseconds: list[float] = []
    await _seconds(driver, run, run.writers, max(1, run.n // run.writers), milliseconds)
    return Latencies(milliseconds)


async def _seconds(driver: Driver, run: Run, writers: int, each: int, milliseconds: list[float]) -> float:
    async with journals.empty(driver, run) as database:
        collection = journals.events(database)

        async def writer(key: str) -> None:
            for number in range(1, each + 1):
                with Lap(milliseconds):
                    await collection.insert_one(document(key, number))

        with Stopwatch() as watch:
            await asyncio.gather(*[writer(f"{KEY}-{number}") for number in range(writers)])
    return watch.seconds


async def _insert_many(driver: Driver, run: Run) -> float:
    """Events a second, a thousand in a round trip."""
    each = max(1, run.n // BATCH)
    async with journals.empty(driver, run) as database:
        collection = journals.events(database)
        with Stopwatch() as watch:
            for number in range(1, each + 1):
                documents = [document(f"{KEY}-{writer}", number) for writer in range(BATCH)]
                await collection.insert_many(documents, ordered=False)
    return each * BATCH / watch.seconds


class _GroupCommit:
    """The least that gathers documents of concurrent writers in one round trip."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection
        self._waiting: list[tuple[Document, asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None

    def submit(self, event: Document) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, done))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return done

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await self._collection.insert_many([event for event, _ in batch], ordered=False)
            for _, done in batch:
                done.set_result(None)
        self._flusher = None


async def _group_commit(driver: Driver, run: Run) -> float:
    """Events a second, by a thousand writers that share round trips."""
    each = max(1, run.n // ACTORS)
    async with journals.empty(driver, run) as database:
        commits = _GroupCommit(journals.events(database))

        async def writer(key: str) -> None:
            for number in range(1, each + 1):
                await commits.submit(document(key, number))

        with Stopwatch() as watch:
            await asyncio.gather(*[writer(f"{KEY}-{number}") for number in range(ACTORS)])
    return each * ACTORS / watch.seconds


async def _read(driver: Driver, run: Run) -> float:
    """Events a second, read a page at a time."""
    count = 0
    async with journals.full(driver, run) as database:
        with Stopwatch() as watch:
            while page := await _page(database, count).to_list(None):
                count += len(page)
    return count / watch.seconds


async def _read_raw(driver: Driver, run: Run) -> float:
    """The same, of pages that are decoded at once."""
    count = 0
    async with journals.full(driver, run) as database:
        with Stopwatch() as watch:
            while pages := await _page(database, count, raw=True).to_list(None):
                count += sum(len(bson.decode_all(page)) for page in pages)
    return count / watch.seconds


def _page(database: Any, last: int, *, raw: bool = False) -> Any:
    events = database[journals.EVENTS]
    query = {"key": KEY, "sequence_number": {"$gt": last}}
    find = events.find_raw_batches if raw else events.find
    return find(query, {"_id": 0}, sort=[("sequence_number", 1)], limit=BATCH, batch_size=BATCH)


motor_one_by_one = partial(_insert, journals.motor, writers=1)
motor_hundred_at_once = partial(_insert, journals.motor, writers=100)
motor_at_once = partial(_at_once, journals.motor)
motor_latencies = partial(_latencies, journals.motor)
motor_in_batches = partial(_insert_many, journals.motor)
motor_group_commit = partial(_group_commit, journals.motor)
motor_read = partial(_read, journals.motor)
motor_read_raw = partial(_read_raw, journals.motor)

pymongo_one_by_one = partial(_insert, journals.pymongo, writers=1)
pymongo_hundred_at_once = partial(_insert, journals.pymongo, writers=100)
pymongo_at_once = partial(_at_once, journals.pymongo)
pymongo_latencies = partial(_latencies, journals.pymongo)
pymongo_in_batches = partial(_insert_many, journals.pymongo)
pymongo_group_commit = partial(_group_commit, journals.pymongo)
pymongo_read = partial(_read, journals.pymongo)
pymongo_read_raw = partial(_read_raw, journals.pymongo)
