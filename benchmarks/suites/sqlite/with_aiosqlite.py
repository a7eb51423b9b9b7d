"""The subjects: aiosqlite, one connection, each row in a transaction of its own."""

from __future__ import annotations

import asyncio
from functools import partial

import aiosqlite
import msgspec

from benchmarks.latency import Latencies
from benchmarks.load import BATCH, KEY
from benchmarks.measuring import Lap, Stopwatch
from benchmarks.model import Run
from benchmarks.suites.sqlite import files


async def _insert(writers: int, run: Run) -> float:
    each = max(1, run.n // writers)
    return each * writers / await _seconds(writers, each, run, [])


async def at_once(run: Run) -> float:
    """Rows a second, by `run.writers` at once."""
    return await _insert(run.writers, run)


async def latencies(run: Run) -> Latencies:
    """How long each row takes, by `run.writers` at once."""
    milliseconds: list[float] = []
    await _seconds(run.writers, max(1, run.n // run.writers), run, milliseconds)
    return Latencies(milliseconds)


async def _seconds(writers: int, each: int, run: Run, milliseconds: list[float]) -> float:
    async with files.empty(run) as path, aiosqlite.connect(path, isolation_level=None) as connection:
        await connection.execute(files.SYNCHRONOUS)

        async def writer(key: str) -> None:
            for number in range(1, each + 1):
                with Lap(milliseconds):
                    cursor = await connection.execute(files.INSERT, files.row(key, number))
                    await cursor.close()

        with Stopwatch() as watch:
            await asyncio.gather(*[writer(f"{KEY}-{number}") for number in range(writers)])
    return watch.seconds


async def read(run: Run) -> float:
    """Rows a second, read a page at a time, their data decoded."""
    count = 0
    async with aiosqlite.connect(files.full(run)) as connection:
        with Stopwatch() as watch:
            cursor = await connection.execute(files.SELECT, (KEY,))
            while page := list(await cursor.fetchmany(BATCH)):
                for row in page:
                    msgspec.json.decode(row[1])
                    count += 1
    return count / watch.seconds


one_by_one = partial(_insert, 1)
hundred_at_once = partial(_insert, 100)
