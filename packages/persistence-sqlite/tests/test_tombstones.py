"""A journal may begin with a tombstone: that is how the copy of a shortened journal begins."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from nact.errors import InvalidEventError, SequenceConflictError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.records import MAX_SEQUENCE_NUMBER, tombstone
from nact_persistence_sqlite import SqlitePersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]


async def journal(engine: SqlitePersistenceEngine, key: str) -> list[PersistedEvent]:
    return [event async for event in engine.events(key)]


@pytest.fixture
def dead(key: str) -> PersistedEvent:
    return tombstone(PersistedEvent(key=key, sequence_number=7, data="gone", created_at=5))


async def test_a_journal_begins_with_a_tombstone_and_goes_on_after_it(
    engine: SqlitePersistenceEngine, path: Path, key: str, dead: PersistedEvent, numbered: Numbered
) -> None:
    await engine.persist(dead)
    await engine.persist(dead)  # a retry
    following = numbered(key, 8, 10)
    await engine.persist(following[0])
    await engine.persist_all(following[1:])
    await engine.persist(dead)  # a late retry
    async with SqlitePersistenceEngine(path) as other:
        assert await journal(other, key) == [dead, *following]
        assert await other.highest_sequence_number(key) == 10
        assert [name async for name in other.keys()] == [key]  # noqa: SIM118 - an engine is no dict


@pytest.mark.parametrize("number", [1, 2, 9])
async def test_a_tombstone_is_refused_after_any_record(
    engine: SqlitePersistenceEngine, key: str, numbered: Numbered, number: int
) -> None:
    for stored in (numbered(key, 1, 1)[0], tombstone(PersistedEvent(key=f"{key} 2", sequence_number=1, data=None))):
        await engine.persist(stored)
        with pytest.raises(SequenceConflictError) as raised:
            await engine.persist(tombstone(PersistedEvent(key=stored.key, sequence_number=number, data=None)))
        assert (raised.value.attempted, raised.value.highest) == (number, 1)
        assert await journal(engine, stored.key) == [stored]


async def test_an_event_beside_the_tombstone_is_refused(
    engine: SqlitePersistenceEngine, key: str, dead: PersistedEvent, numbered: Numbered
) -> None:
    await engine.persist(dead)
    for number in (1, 6, 7, 9):
        with pytest.raises(SequenceConflictError):
            await engine.persist(numbered(key, number, number)[0])
    assert await journal(engine, key) == [dead]


async def test_tombstones_and_events_go_out_together_each_with_its_outcome(
    engine: SqlitePersistenceEngine, numbered: Numbered
) -> None:
    await engine.persist(numbered("old", 1, 1)[0])
    writes = [
        *(tombstone(event) for n in range(5) for event in numbered(f"new {n}", 3, 3)),
        tombstone(numbered("old", 2, 2)[0]),
        *(event for n in range(5) for event in numbered(f"new {n}", 4, 4)),
    ]
    outcomes = await asyncio.gather(*map(engine.persist, writes), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [*[type(None)] * 5, SequenceConflictError, *[type(None)] * 5]
    assert await journal(engine, "new 4") == [writes[4], writes[10]]


async def test_a_tombstone_is_no_part_of_a_batch(
    engine: SqlitePersistenceEngine, key: str, dead: PersistedEvent, numbered: Numbered
) -> None:
    with pytest.raises(InvalidEventError):
        await engine.persist_all([dead, *numbered(key, 8, 8)])
    assert await journal(engine, key) == []


async def test_the_last_number_of_all_can_be_a_tombstone(engine: SqlitePersistenceEngine, key: str) -> None:
    last = tombstone(PersistedEvent(key=key, sequence_number=MAX_SEQUENCE_NUMBER, data=None))
    await engine.persist(last)
    assert await journal(engine, key) == [last]
    with pytest.raises(SequenceConflictError):
        await engine.persist(PersistedEvent(key=key, sequence_number=1, data=None))


@pytest.mark.parametrize(("up_to", "left"), [(5, [7, 8, 9]), (7, [7, 8, 9]), (8, [8, 9]), (99, [9])])
async def test_deletion_below_and_above_it(
    engine: SqlitePersistenceEngine, dead: PersistedEvent, numbered: Numbered, up_to: int, left: list[int]
) -> None:
    await engine.persist(dead)
    await engine.persist_all(numbered(dead.key, 8, 9))
    await engine.delete_events(dead.key, up_to=up_to)
    remaining = await journal(engine, dead.key)
    assert [event.sequence_number for event in remaining] == left
    assert [event.is_deleted for event in remaining] == [True, *[False] * (len(left) - 1)]
    await engine.persist(numbered(dead.key, 10, 10)[0])


async def test_a_snapshot_stands_on_the_tombstone(
    engine: SqlitePersistenceEngine, key: str, dead: PersistedEvent
) -> None:
    await engine.persist(dead)
    snapshot = PersistedSnapshot(key=key, sequence_number=7, data="state", event_id=dead.event_id)
    await engine.take_snapshot(snapshot)
    assert await engine.latest_snapshot(key) == snapshot
    assert [event.event_id for event in await journal(engine, key)] == [snapshot.event_id]


async def test_a_tombstone_is_stored_without_data(
    engine: SqlitePersistenceEngine, shell: sqlite3.Connection, dead: PersistedEvent
) -> None:
    await engine.persist(dead)
    columns = "sequence_nr, created_at, data, is_deleted, tags, event_id, metadata"
    assert shell.execute(f"SELECT {columns} FROM event_journal").fetchall() == [
        (7, 5, None, 1, "[]", dead.event_id, None)
    ]


async def test_a_trigger_of_the_user_that_refuses_a_tombstone_is_told(
    engine: SqlitePersistenceEngine, shell: sqlite3.Connection, dead: PersistedEvent
) -> None:
    await engine.highest_sequence_number(dead.key)
    when = "WHEN NEW.is_deleted"
    shell.execute(f"CREATE TRIGGER mine BEFORE INSERT ON event_journal {when} BEGIN SELECT raise(ABORT, 'no'); END")
    with pytest.raises(InvalidEventError, match="no"):
        await engine.persist(dead)


RACE = """
import asyncio, sys
from nact.errors import SequenceConflictError
from nact.persistence import PersistedEvent
from nact_persistence_sqlite import SqlitePersistenceEngine
async def main():
    is_deleted = sys.argv[2] == "tombstone"
    async with SqlitePersistenceEngine(sys.argv[1], timeout=60) as engine:
        print("ready", flush=True)
        sys.stdin.readline()
        for n in range(40):
            number = 2 if is_deleted else 1
            event = PersistedEvent(key=f"k{n}", sequence_number=number, data=None, is_deleted=is_deleted)
            try:
                await engine.persist(event)
                print(event.key, event.event_id, flush=True)
            except SequenceConflictError:
                pass
asyncio.run(main())
"""


async def test_of_a_tombstone_and_a_first_event_of_two_processes_one_wins(
    start_python: Callable[..., subprocess.Popen[str]], path: Path
) -> None:
    racers = [start_python(RACE, path, kind) for kind in ("tombstone", "event", "tombstone")]
    for racer in racers:
        assert racer.stdout is not None
        racer.stdout.readline()
    wins: list[list[str]] = []
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    for racer in racers:
        told, _ = racer.communicate(timeout=120)
        assert racer.returncode == 0
        wins += [line.split() for line in told.splitlines()]
    async with SqlitePersistenceEngine(path) as engine:
        stored = [[f"k{n}", event.event_id] for n in range(40) for event in await journal(engine, f"k{n}")]
    assert sorted(wins) == sorted(stored)
    assert len(stored) == 40
