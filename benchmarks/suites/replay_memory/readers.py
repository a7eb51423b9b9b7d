"""The subjects. Each reads the same file of nact's SQLite engine, and tells by how much its process grew at most."""

from __future__ import annotations

from benchmarks import persisting
from benchmarks.load import KEY
from benchmarks.measuring import memory_now, memory_peak
from benchmarks.model import Run
from benchmarks.suites.sqlite import files
from nact_persistence_sqlite import SqlitePersistenceEngine

MB = 1024 * 1024


async def replay(run: Run) -> float:
    """By `events()`."""
    async with SqlitePersistenceEngine(files.full(run)) as engine:
        await engine.highest_sequence_number(KEY)  # the connection is open
        before = memory_now()
        await persisting.replay(engine)
        return (memory_peak() - before) / MB


async def recover(run: Run) -> float:
    """As an actor that recovers."""
    async with SqlitePersistenceEngine(files.full(run)) as engine:
        await engine.highest_sequence_number(KEY)
        before = memory_now()
        await persisting.recover(engine)
        return (memory_peak() - before) / MB


def fetch_all(run: Run) -> float:
    """What a driver takes that is asked for everything at once."""
    connection = files.connect(files.full(run))
    before = memory_now()
    rows = connection.execute(files.SELECT, (KEY,)).fetchall()
    grown = memory_peak() - before
    connection.close()
    return grown / MB if rows else 0.0
