"""The subjects: nact's engine and the bare driver, on journals of three sizes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from statistics import median
from time import perf_counter
from uuid import uuid4

from benchmarks.load import ACTORS, MESSAGE
from benchmarks.measuring import Stopwatch
from benchmarks.model import Run
from benchmarks.suites.postgres import tables
from nact.persistence import PersistedEvent
from nact_persistence_postgres import PostgresPersistenceEngine

SIZES = {"small": 10_000, "large": 1_000_000, "huge": 5_000_000}
KEY_EVENTS = 100
"""How many events a key has."""

FILL = """
INSERT INTO event_journal (persistence_key, sequence_nr, created_at, data, tags, event_id)
SELECT 'key-' || n % $2, n / $2 + 1, 1700000000000 + n, $3::text::json, '{}', gen_random_uuid()::text
FROM generate_series(0, $1::bigint - 1) n
"""


async def fill(run: Run) -> None:
    """Makes a schema for each size, unless an earlier case did. A key's events are spread over the whole table."""
    async with tables.connected(run) as connection:
        if await connection.fetchval("SELECT to_regclass('huge.event_journal')") is not None:
            return
    for size in SIZES:
        async with PostgresPersistenceEngine(run.server, schema=size):
            pass
        async with tables.connected(run, size) as connection:
            rows = _keys(size, run) * KEY_EVENTS
            await connection.execute(FILL, rows, _keys(size, run), tables.row("", 1)[3])
            await connection.execute("VACUUM ANALYZE event_journal")
            await connection.execute("CHECKPOINT")


async def persist(size: str, run: Run) -> float:
    """Milliseconds in the middle, where new keys are written to in turn, one event at a time."""
    keys = _new_keys()
    times = []
    async with PostgresPersistenceEngine(run.server, schema=size) as engine:
        for number in range(1, max(2, run.n // len(keys)) + 1):
            for key in keys:
                event = PersistedEvent(key=key, sequence_number=number, data=MESSAGE)
                begun = perf_counter()
                await engine.persist(event)
                times.append(perf_counter() - begun)
    return median(times) * 1000


async def persist_raw(size: str, run: Run) -> float:
    """The same by the bare driver."""
    keys = _new_keys()
    times = []
    async with tables.connected(run, size) as connection:
        for number in range(1, max(2, run.n // len(keys)) + 1):
            for key in keys:
                row = tables.row(key, number)
                begun = perf_counter()
                await connection.execute(tables.INSERT, *row)
                times.append(perf_counter() - begun)
    return median(times) * 1000


async def persist_by_many(size: str, run: Run) -> float:
    """Events a second of a thousand writers to new keys."""
    each = max(1, run.n // ACTORS)
    async with PostgresPersistenceEngine(run.server, schema=size) as engine:

        async def writer(key: str) -> None:
            for number in range(1, each + 1):
                await engine.persist(PersistedEvent(key=key, sequence_number=number, data=MESSAGE))

        with Stopwatch() as watch:
            await asyncio.gather(*[writer(str(uuid4())) for _ in range(ACTORS)])
    return each * ACTORS / watch.seconds


async def persist_by_many_raw(size: str, run: Run) -> float:
    """Rows a second, a thousand new keys in a statement."""
    each = max(1, run.n // ACTORS)
    async with tables.connected(run, size) as connection:
        keys = [str(uuid4()) for _ in range(ACTORS)]
        with Stopwatch() as watch:
            for number in range(1, each + 1):
                await connection.execute(tables.INSERT_MANY, *tables.columns([tables.row(key, number) for key in keys]))
    return each * ACTORS / watch.seconds


async def read(size: str, run: Run) -> float:
    """Milliseconds in the middle for the 100 events of a key, any key."""
    times = []
    async with PostgresPersistenceEngine(run.server, schema=size) as engine:
        for key in _some_keys(size, run):
            begun = perf_counter()
            events = [event async for event in engine.events(key)]
            times.append(perf_counter() - begun)
            _check(events)
    return median(times) * 1000


async def read_raw(size: str, run: Run) -> float:
    """The same by the bare driver, data not decoded."""
    times = []
    async with tables.connected(run, size) as connection:
        for key in _some_keys(size, run):
            begun = perf_counter()
            rows = await connection.fetch(tables.SELECT, key, 0, 1000)
            times.append(perf_counter() - begun)
            _check(rows)
    return median(times) * 1000


def _check(found: Sequence[object]) -> None:
    if len(found) != KEY_EVENTS:
        raise RuntimeError(f"found {len(found)} events of a key, not {KEY_EVENTS}")


def _keys(size: str, run: Run) -> int:
    return max(1, int(SIZES[size] * run.scale) // KEY_EVENTS)


def _new_keys() -> list[str]:
    return [str(uuid4()) for _ in range(KEY_EVENTS)]


def _some_keys(size: str, run: Run) -> list[str]:
    return [f"key-{random.randrange(_keys(size, run))}" for _ in range(run.n)]  # noqa: S311 - any will do


persist_small, persist_huge = partial(persist, "small"), partial(persist, "huge")
persist_raw_small, persist_raw_huge = partial(persist_raw, "small"), partial(persist_raw, "huge")
many_small, many_huge = partial(persist_by_many, "small"), partial(persist_by_many, "huge")
many_raw_small, many_raw_huge = partial(persist_by_many_raw, "small"), partial(persist_by_many_raw, "huge")
read_small, read_large, read_huge = partial(read, "small"), partial(read, "large"), partial(read, "huge")
read_raw_large, read_raw_huge = partial(read_raw, "large"), partial(read_raw, "huge")
