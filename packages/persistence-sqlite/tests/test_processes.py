"""Several processes on one file, and processes that die."""

# ruff: noqa: SIM118 - an engine is no dict

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from nact_persistence_sqlite import SqlitePersistenceEngine

pytestmark = pytest.mark.anyio
StartPython = Callable[..., subprocess.Popen[str]]
Killed = Callable[[subprocess.Popen[str]], dict[str, int]]

OPEN = """
import asyncio, sys
from nact.persistence import PersistedEvent
from nact_persistence_sqlite import SqlitePersistenceEngine
async def main():
    async with SqlitePersistenceEngine(sys.argv[1], timeout=60) as engine:
        await engine.persist(PersistedEvent(key=sys.argv[2], sequence_number=1, data=None))
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(main())
"""


async def test_ten_processes_can_open_a_new_file_at_once(start_python: StartPython, path: Path) -> None:
    starters = [start_python(OPEN, path, f"k{n}") for n in range(10)]
    for starter in starters:
        assert starter.stdout is not None
        starter.stdout.readline()
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("\n")
        starter.stdin.flush()
    assert [starter.wait(timeout=120) for starter in starters] == [0] * 10
    async with SqlitePersistenceEngine(path) as engine:
        assert {name async for name in engine.keys()} == {f"k{n}" for n in range(10)}


RACE = """
import asyncio, sys
from nact.errors import SequenceConflictError
from nact.persistence import PersistedEvent
from nact_persistence_sqlite import SqlitePersistenceEngine
async def main():
    async with SqlitePersistenceEngine(sys.argv[1], timeout=60) as engine:
        print("ready", flush=True)
        sys.stdin.readline()
        number = 1
        while number <= 40:
            event = PersistedEvent(key="contested", sequence_number=number, data=sys.argv[2])
            try:
                await engine.persist(event)
                print(number, event.event_id, flush=True)
            except SequenceConflictError as error:
                assert error.highest >= number
            number += 1
asyncio.run(main())
"""


async def test_of_processes_that_race_for_a_number_one_wins(start_python: StartPython, path: Path) -> None:
    racers = [start_python(RACE, path, n) for n in range(4)]
    for racer in racers:
        assert racer.stdout is not None
        racer.stdout.readline()
    wins: list[tuple[int, str]] = []
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    for racer in racers:
        told, _ = racer.communicate(timeout=120)
        assert racer.returncode == 0
        wins += [(int(number), event_id) for number, event_id in map(str.split, told.splitlines())]
    async with SqlitePersistenceEngine(path) as engine:
        assert sorted(wins) == [(event.sequence_number, event.event_id) async for event in engine.events("contested")]
    assert [number for number, _ in sorted(wins)] == list(range(1, 41))


WRITE = """
import asyncio, os, sys
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_persistence_sqlite import SqlitePersistenceEngine
def acknowledged(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
async def write(engine, key):
    number = await engine.highest_sequence_number(key)
    while True:
        await engine.persist(PersistedEvent(key=key, sequence_number=number + 1, data=[key, number + 1, 1, 1]))
        acknowledged(key, number + 1)
        await engine.persist_all([
            PersistedEvent(key=key, sequence_number=number + 1 + place, data=[key, number + 1 + place, place, 3])
            for place in (1, 2, 3)
        ])
        acknowledged(key, number + 4)
        number += 4
        if number % 40 < 4:
            await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=number, data="x" * 10_000))
            await engine.delete_events(key, up_to=number - 20)
async def main():
    async with SqlitePersistenceEngine(sys.argv[1]) as engine:
        await asyncio.gather(*(write(engine, f"writer{n}") for n in range(50)))
asyncio.run(main())
"""


@pytest.mark.crash
async def test_what_was_acknowledged_survives_a_kill(start_python: StartPython, killed: Killed, path: Path) -> None:
    acknowledged: dict[str, int] = {}
    for _ in range(int(os.environ.get("NACT_CRASH_ROUNDS", "3"))):
        acknowledged |= killed(start_python(WRITE, path))
        async with SqlitePersistenceEngine(path) as engine:
            for key, number in acknowledged.items():
                await check_journal(engine, key, number)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def check_journal(engine: SqlitePersistenceEngine, key: str, acknowledged: int) -> None:
    events = [event async for event in engine.events(key)]  # dense, or it raises
    assert events[-1].sequence_number >= acknowledged
    whole = True
    for event in events[1:]:
        stored_key, number, place, size = event.data
        assert (stored_key, number) == (key, event.sequence_number)
        whole = place == size
    assert whole, "the last batch is torn"
