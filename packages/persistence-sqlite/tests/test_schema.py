"""The tables: other programs can read them, and the engine changes only those that it made."""

# ruff: noqa: SIM118 - an engine is no dict

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from nact.errors import CorruptJournalError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_persistence_sqlite import SqlitePersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]


async def test_other_programs_can_read_the_tables(
    engine: SqlitePersistenceEngine, shell: sqlite3.Connection, key: str
) -> None:
    event = PersistedEvent(key=key, sequence_number=1, data={"name": "Ada"}, tags=("b", "a"))
    await engine.persist(event)
    snapshot = PersistedSnapshot(key=key, sequence_number=1, data=[1], created_at=5, event_id=event.event_id)
    await engine.take_snapshot(snapshot)
    columns = "ordering, persistence_key, sequence_nr, created_at, data, is_deleted, tags, event_id"
    assert shell.execute(f"SELECT {columns} FROM event_journal").fetchall() == [
        (1, key, 1, event.created_at, '{"name":"Ada"}', 0, '["a","b"]', event.event_id)
    ]
    assert shell.execute("SELECT data ->> 'name' FROM event_journal").fetchall() == [("Ada",)]
    columns = "persistence_key, sequence_nr, created_at, data, event_id"
    assert shell.execute(f"SELECT {columns} FROM snapshot_store").fetchall() == [(key, 1, 5, "[1]", event.event_id)]


async def test_positions_are_in_the_order_of_commits_and_not_used_again(
    engine: SqlitePersistenceEngine, shell: sqlite3.Connection, numbered: Numbered
) -> None:
    await asyncio.gather(*(engine.persist(numbered(f"k{n}", 1, 1)[0]) for n in range(5)))
    shell.execute("DELETE FROM event_journal")
    await engine.persist(numbered("k", 1, 1)[0])
    assert shell.execute("SELECT ordering FROM event_journal").fetchall() == [(6,)]


async def test_opening_again_changes_nothing(path: Path, shell: sqlite3.Connection) -> None:
    schemas = []
    for _ in range(2):
        async with SqlitePersistenceEngine(path):
            schemas.append(shell.execute("SELECT * FROM sqlite_master").fetchall())
    assert schemas[0] == schemas[1]


@pytest.mark.parametrize("create", [True, False])
async def test_snapshots_of_earlier_releases_get_an_event_id(
    path: Path, shell: sqlite3.Connection, key: str, *, create: bool
) -> None:
    async with SqlitePersistenceEngine(path):
        pass
    shell.execute("ALTER TABLE snapshot_store DROP COLUMN event_id")
    put = "INSERT INTO snapshot_store (persistence_key, sequence_nr, created_at, data) VALUES (?, ?, 5, '[1]')"
    shell.execute(put, (key, 1))
    async with SqlitePersistenceEngine(path, create_if_not_exists=create) as engine:
        early = PersistedSnapshot(key=key, sequence_number=1, data=[1], created_at=5)
        assert await engine.latest_snapshot(key) == early
        later = PersistedSnapshot(key=key, sequence_number=2, data=None, event_id="\u00e9\0-2")
        await engine.take_snapshot(later)
        assert await engine.latest_snapshot(key) == later
        shell.execute(put, (key, 3))  # an earlier release still runs, and writes
        assert await engine.latest_snapshot(key) == msgspec.structs.replace(early, sequence_number=3)


async def test_a_snapshot_taken_again_has_the_newer_event_id(engine: SqlitePersistenceEngine, key: str) -> None:
    for event_id in ("a", "b", None):
        snapshot = PersistedSnapshot(key=key, sequence_number=1, data=None, event_id=event_id)
        await engine.take_snapshot(snapshot)
        assert await engine.latest_snapshot(key) == snapshot


@pytest.mark.parametrize("wrong", ["''", "x'ff'"])
async def test_a_snapshot_with_an_unreadable_event_id(
    engine: SqlitePersistenceEngine, key: str, shell: sqlite3.Connection, wrong: str
) -> None:
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=None, event_id="a"))
    shell.execute(f"UPDATE snapshot_store SET event_id = {wrong}")
    with pytest.raises(CorruptJournalError):
        await engine.latest_snapshot(key)


async def test_the_file_may_be_shared_with_tables_of_the_user(
    path: Path, shell: sqlite3.Connection, numbered: Numbered
) -> None:
    shell.execute("PRAGMA user_version = 7")
    shell.execute("CREATE TABLE contacts (name TEXT)")
    async with SqlitePersistenceEngine(path) as engine:
        await engine.persist(numbered("k", 1, 1)[0])
    assert shell.execute("PRAGMA user_version").fetchone() == (7,)
    assert shell.execute("SELECT count(*) FROM contacts").fetchone() == (0,)


async def test_several_journals_fit_in_one_file(path: Path, numbered: Numbered) -> None:
    names = [("event_journal", "snapshot_store"), ("o'brien's \"events\"", "select"), ("ünï", "snapshot_store")]
    prefixed = [("", *pair) for pair in names] + [("two ", *names[0]), ('Two"_', *names[0])]
    for prefix, events, snapshots in prefixed:
        async with SqlitePersistenceEngine(path, prefix=prefix, event_table=events, snapshot_table=snapshots) as engine:
            assert await engine.highest_sequence_number("k") == 0
            await engine.persist_all(numbered("k", 1, 3))
            await engine.delete_events("k", up_to=2)
            await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=3, data=events))
            assert [event.sequence_number async for event in engine.events("k")] == [2, 3]
            assert [name async for name in engine.keys()] == ["k"]


@pytest.mark.parametrize("kind", ["TABLE event_journal (x)", "VIEW snapshot_store AS SELECT 1"])
async def test_a_table_of_another_program_is_left_alone(path: Path, kind: str, shell: sqlite3.Connection) -> None:
    shell.execute(f"CREATE {kind}")
    before = shell.execute("SELECT name FROM sqlite_master").fetchall()
    with pytest.raises(CorruptJournalError, match="choose another name"):
        async with SqlitePersistenceEngine(path):
            pass
    assert shell.execute("SELECT name FROM sqlite_master").fetchall() == before


async def test_tables_of_a_later_release_are_left_alone(
    path: Path, shell: sqlite3.Connection, numbered: Numbered
) -> None:
    async with SqlitePersistenceEngine(path):
        pass
    shell.execute("UPDATE nact_schema SET version = 2 WHERE table_name = 'event_journal'")
    async with SqlitePersistenceEngine(path.with_name("other.db")):
        pass
    later = SqlitePersistenceEngine(path)
    for use in (later.persist(numbered("k", 1, 1)[0]), later.highest_sequence_number("k")):
        with pytest.raises(CorruptJournalError, match="upgrade nact-persistence-sqlite"):
            await use
    await later.aclose()


async def test_no_program_can_write_a_gap(engine: SqlitePersistenceEngine, key: str, shell: sqlite3.Connection) -> None:
    await engine.persist(PersistedEvent(key=key, sequence_number=1, data=None))
    with pytest.raises(sqlite3.IntegrityError, match="not the next one"):
        shell.execute(
            "INSERT INTO event_journal (persistence_key, sequence_nr, created_at, event_id) VALUES (?, 3, 0, '')",
            (key,),
        )


async def test_tables_that_were_dropped_arent_made_anew_unasked(
    path: Path, shell: sqlite3.Connection, numbered: Numbered
) -> None:
    async with SqlitePersistenceEngine(path) as engine:
        await engine.persist(numbered("k", 1, 1)[0])
    shell.execute("DROP TABLE event_journal")
    with pytest.raises(CorruptJournalError, match="nact made the table event_journal in it, and it was dropped"):
        async with SqlitePersistenceEngine(path):
            pass
    shell.execute("DELETE FROM nact_schema WHERE table_name = 'event_journal'")
    async with SqlitePersistenceEngine(path) as engine:
        await engine.persist(numbered("k", 1, 1)[0])
