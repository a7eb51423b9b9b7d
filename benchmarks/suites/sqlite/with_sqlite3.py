"""The subjects: the standard library's driver."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec

from benchmarks.latency import Latencies
from benchmarks.load import ACTORS, BATCH, KEY
from benchmarks.measuring import Lap, Stopwatch
from benchmarks.model import Run
from benchmarks.suites.sqlite import files
from benchmarks.suites.sqlite.files import Row


async def one_by_one(run: Run) -> float:
    """Rows a second, each in a transaction of its own."""
    async with files.empty(run) as path:
        connection = files.connect(path)
        with Stopwatch() as watch:
            for number in range(1, run.n + 1):
                connection.execute(files.INSERT, files.row(KEY, number))
        connection.close()
    return run.n / watch.seconds


async def latencies(run: Run) -> Latencies:
    """How long each row takes, one after another."""
    milliseconds: list[float] = []
    async with files.empty(run) as path:
        connection = files.connect(path)
        for number in range(1, run.n + 1):
            with Lap(milliseconds):
                connection.execute(files.INSERT, files.row(KEY, number))
        connection.close()
    return Latencies(milliseconds)


async def _in_batches(run: Run, *, trigger: bool) -> float:
    each = max(1, run.n // BATCH)
    async with files.empty(run, trigger=trigger) as path:
        connection = files.connect(path)
        with Stopwatch() as watch:
            for number in range(1, each + 1):
                rows = [files.row(f"{KEY}-{writer}", number) for writer in range(BATCH)]
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(files.INSERT, rows)
                connection.execute("COMMIT")
        connection.close()
    return each * BATCH / watch.seconds


class _GroupCommit:
    """The least that gathers rows of concurrent writers in one transaction, on a thread."""

    def __init__(self, write: Callable[[list[Row]], None]) -> None:
        self._write = write
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1)

    def submit(self, row: Row) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return done

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await loop.run_in_executor(self._thread, self._write, [row for row, _ in batch])
            for _, done in batch:
                done.set_result(None)
        self._flusher = None


async def _group_commit(writers: int, run: Run) -> float:
    each = max(1, run.n // writers)
    async with files.empty(run) as path:
        connection = files.connect(path)

        def write(rows: list[Row]) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(files.INSERT, rows)
            connection.execute("COMMIT")

        commits = _GroupCommit(write)

        async def writer(key: str) -> None:
            for number in range(1, each + 1):
                await commits.submit(files.row(key, number))

        with Stopwatch() as watch:
            await asyncio.gather(*[writer(f"{KEY}-{number}") for number in range(writers)])
        connection.close()
    return each * writers / watch.seconds


def _read_pages(decode: Callable[[str], Any], run: Run) -> float:
    """Rows a second, read a page at a time, their data decoded."""
    connection = files.connect(files.full(run))
    count = 0
    with Stopwatch() as watch:
        cursor = connection.execute(files.SELECT, (KEY,))
        while page := cursor.fetchmany(BATCH):
            for row in page:
                decode(row[1])
                count += 1
    connection.close()
    return count / watch.seconds


in_batches = partial(_in_batches, trigger=True)
in_batches_without_trigger = partial(_in_batches, trigger=False)
group_commit_of_one = partial(_group_commit, 1)
group_commit_of_many = partial(_group_commit, ACTORS)
read = partial(_read_pages, msgspec.json.decode)
read_with_json = partial(_read_pages, json.loads)
