"""A hundred persistent actors on one file, and the death of their process."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nact import PersistentContext, configure_persistence, dispatch, query, spawn_persistent, start
from nact_persistence_sqlite import SqlitePersistenceEngine

pytestmark = pytest.mark.anyio

COUNT = """
import asyncio, os, sys
from nact import Retention, configure_persistence, dispatch, query, spawn_persistent, start
from nact_persistence_sqlite import SqlitePersistenceEngine
async def count(total, msg, ctx):
    if not ctx.recovering:
        await ctx.persist({"add": 1})
        dispatch(ctx.sender, total + 1)
    return total + 1
async def drive(counter, key):
    while True:
        total = await query(counter, {"add": 1}, 60)
        os.write(1, f"{key} {total}\\n".encode())
async def main():
    async with start(configure_persistence(SqlitePersistenceEngine(sys.argv[1]))) as system:
        counters = {
            f"counter{n}": spawn_persistent(system, count, key=f"counter{n}", initial_state=0, snapshot_every=10,
                                            retention=Retention(2, delete_events=True))
            for n in range(100)
        }
        await asyncio.gather(*(drive(counter, key) for key, counter in counters.items()))
asyncio.run(main())
"""


async def total(state: int, msg: Any, ctx: PersistentContext[Any, Any]) -> int:
    """Recovers the total of `count`."""
    if ctx.recovering:
        return state + 1
    dispatch(ctx.sender, state)
    return state


async def recovered(path: Path, keys: list[str]) -> dict[str, int]:
    async with start(configure_persistence(SqlitePersistenceEngine(path))) as system:
        return {
            key: await query(spawn_persistent(system, total, key=key, initial_state=0), "total", 60) for key in keys
        }


@pytest.mark.crash
async def test_what_a_hundred_actors_acknowledged_survives_the_kill_of_their_process(
    start_python: Callable[..., subprocess.Popen[str]],
    killed: Callable[[subprocess.Popen[str]], dict[str, int]],
    path: Path,
) -> None:
    acknowledged: dict[str, int] = {}
    for _ in range(int(os.environ.get("NACT_CRASH_ROUNDS", "3"))):
        acknowledged |= killed(start_python(COUNT, path))
        totals = await recovered(path, list(acknowledged))
        # One more than acknowledged: the kill came between the write and the answer.
        assert {key: n for key, n in acknowledged.items() if totals[key] not in {n, n + 1}} == {}
        acknowledged = totals  # a total that was recovered once is recovered again
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
