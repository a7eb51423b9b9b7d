"""The subjects: the bare driver, on one connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from benchmarks.latency import Latencies
from benchmarks.load import ACTORS, BATCH, KEY
from benchmarks.measuring import Lap, Stopwatch, memory_now, memory_peak
from benchmarks.model import Run
from benchmarks.suites.postgres import tables
from benchmarks.suites.postgres.tables import Connection, Row

MB = 1024 * 1024

CONNECTIONS = 10
"""Of a pool, at most."""


async def one_by_one(run: Run) -> float:
    """Rows a second, each in a statement of its own."""
    async with tables.empty(run) as schema, tables.connected(run, schema) as connection:
        with Stopwatch() as watch:
            for number in range(1, run.n + 1):
                await connection.execute(tables.INSERT, *tables.row(KEY, number))
    return run.n / watch.seconds


async def at_once(run: Run) -> float:
    """Rows a second, each in a statement of its own, by `run.writers` at once."""
    each = max(1, run.n // run.writers)
    return each * run.writers / await _seconds(each, run, [])


async def latencies(run: Run) -> Latencies:
    """How long each row takes, by `run.writers` at once."""
    milliseconds: list[float] = []
    await _seconds(max(1, run.n // run.writers), run, milliseconds)
    return Latencies(milliseconds)


async def _seconds(each: int, run: Run, milliseconds: list[float]) -> float:
    size = min(run.writers, CONNECTIONS)
    async with tables.empty(run) as schema, tables.pooled(run, schema, size) as pool:

        async def writer(key: str) -> None:
            for number in range(1, each + 1):
                with Lap(milliseconds):
                    await pool.execute(tables.INSERT, *tables.row(key, number))

        with Stopwatch() as watch:
            await asyncio.gather(*[writer(f"{KEY}-{number}") for number in range(run.writers)])
    return watch.seconds


async def in_batches(run: Run) -> float:
    """Rows a second, a thousand in each statement."""
    each = max(1, run.n // BATCH)
    async with tables.empty(run) as schema, tables.connected(run, schema) as connection:
        with Stopwatch() as watch:
            for number in range(1, each + 1):
                rows = [tables.row(f"{KEY}-{writer}", number) for writer in range(BATCH)]
                await connection.execute(tables.INSERT_MANY, *tables.columns(rows))
    return each * BATCH / watch.seconds


async def copy(run: Run) -> float:
    """Rows a second, all of them by one COPY."""
    async with tables.empty(run) as schema, tables.connected(run, schema) as connection:
        with Stopwatch() as watch:
            rows = [tables.row(KEY, number) for number in range(1, run.n + 1)]
            await connection.copy_records_to_table("event_journal", records=rows, columns=tables.COLUMNS)
    return run.n / watch.seconds


class _GroupCommit:
    """The least that gathers rows of concurrent writers in one statement."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None

    def submit(self, row: Row) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return done

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await self._connection.execute(tables.INSERT_MANY, *tables.columns([row for row, _ in batch]))
            for _, done in batch:
                done.set_result(None)
        self._flusher = None


async def group_commit(run: Run) -> float:
    """Rows a second of a thousand writers."""
    each = max(1, run.n // ACTORS)
    async with tables.empty(run) as schema, tables.connected(run, schema) as connection:
        commits = _GroupCommit(connection)

        async def writer(key: str) -> None:
            for number in range(1, each + 1):
                await commits.submit(tables.row(key, number))

        with Stopwatch() as watch:
            await asyncio.gather(*[writer(f"{KEY}-{number}") for number in range(ACTORS)])
    return each * ACTORS / watch.seconds


async def _read_pages(decode: Callable[[str], Any], run: Run) -> float:
    """Rows a second, read a page at a time, their data decoded."""
    count = 0
    async with tables.connected(run, tables.FULL) as connection:
        with Stopwatch() as watch:
            while page := await connection.fetch(tables.SELECT, KEY, count, BATCH):
                for row in page:
                    decode(row[1])
                count += len(page)
    return count / watch.seconds


async def memory_of_fetch(run: Run) -> float:
    """What it takes to ask for everything at once."""
    async with tables.connected(run, tables.FULL) as connection:
        before = memory_now()
        rows = await connection.fetch(tables.SELECT, KEY, 0, run.n)
        grown = memory_peak() - before
    return grown / MB if rows else 0.0


read = partial(_read_pages, msgspec.json.decode)
read_with_json = partial(_read_pages, json.loads)
