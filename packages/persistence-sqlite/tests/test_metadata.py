"""Metadata of events and snapshots: JSON text in a column of its own, exact or refused."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlite_sessions import session_of

from nact.errors import CorruptJournalError, InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_persistence_sqlite import SqlitePersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]
METADATA = {"by": "ann", "why": {"ticket": 2**63 - 1, "ñ\0\u2028😀": [None, True, -0.5, 1e22, {}, []]}, "": ""}


async def journal(engine: SqlitePersistenceEngine, key: str, **window: Any) -> list[PersistedEvent]:
    return [event async for event in engine.events(key, **window)]


def as_an_earlier_release_left_it(shell: sqlite3.Connection) -> None:
    for table in ("event_journal", "snapshot_store"):
        shell.execute(f"ALTER TABLE {table} DROP COLUMN metadata")
    shell.execute("DROP TRIGGER event_journal_next")
    shell.execute(
        "CREATE TRIGGER event_journal_next BEFORE INSERT ON event_journal WHEN NEW.sequence_nr <> 1 + coalesce("
        "(SELECT max(sequence_nr) FROM event_journal WHERE persistence_key = NEW.persistence_key), 0) "
        "BEGIN SELECT raise(ABORT, 'the sequence number is not the next one of its key'); END"
    )


def plant(shell: sqlite3.Connection, key: str, number: int) -> None:
    """Writes an event and a snapshot as an earlier release does."""
    shell.execute(
        "INSERT INTO event_journal (persistence_key, sequence_nr, created_at, data, is_deleted, tags, event_id) "
        "VALUES (?, ?, 5, '1', 0, '[]', 'e')",
        (key, number),
    )
    shell.execute(
        "INSERT INTO snapshot_store (persistence_key, sequence_nr, created_at, data) VALUES (?, ?, 5, '1')",
        (key, number),
    )


async def test_metadata_comes_back_equal(engine: SqlitePersistenceEngine, key: str) -> None:
    events = [PersistedEvent(key=key, sequence_number=n, data=n, metadata=METADATA if n % 2 else {}) for n in (1, 2, 3)]
    await engine.persist(events[0])
    await engine.persist_all(events[1:])
    assert await journal(engine, key) == events
    for metadata in (METADATA, {}):
        snapshot = PersistedSnapshot(key=key, sequence_number=3, data=None, metadata=metadata)
        await engine.take_snapshot(snapshot)
        assert await engine.latest_snapshot(key) == snapshot


async def test_metadata_is_json_text_in_its_column_and_null_if_empty(
    engine: SqlitePersistenceEngine, key: str, shell: sqlite3.Connection
) -> None:
    for number, metadata in enumerate(({"by": "ann"}, {}), start=1):
        await engine.persist(PersistedEvent(key=key, sequence_number=number, data=None, metadata=metadata))
        await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=number, data=None, metadata=metadata))
    for table in ("event_journal", "snapshot_store"):
        stored = shell.execute(f"SELECT metadata, metadata ->> 'by' FROM {table} ORDER BY sequence_nr").fetchall()
        assert stored == [('{"by":"ann"}', "ann"), (None, None)]


@pytest.mark.parametrize("value", [float("nan"), (1,), {1: 2}, "\ud800", 2**63, b"", object()])
async def test_metadata_that_would_not_come_back_equal_is_refused(
    engine: SqlitePersistenceEngine, key: str, value: object
) -> None:
    for write in (
        engine.persist(PersistedEvent(key=key, sequence_number=1, data=None, metadata={"a": value})),
        engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=None, metadata={"a": value})),
    ):
        with pytest.raises(InvalidEventError, match="metadata"):
            await write
    assert await engine.highest_sequence_number(key) == 0
    assert await engine.latest_snapshot(key) is None


@pytest.mark.parametrize("wrong", ["'{\"half'", "'null'", "'[]'", "7", "x'ff'", "''"])
async def test_unreadable_metadata_is_reported(
    engine: SqlitePersistenceEngine, key: str, shell: sqlite3.Connection, numbered: Numbered, wrong: str
) -> None:
    await engine.persist_all(numbered(key, 1, 2))
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=2, data=None))
    shell.execute(f"UPDATE event_journal SET metadata = {wrong} WHERE sequence_nr = 2")
    shell.execute(f"UPDATE snapshot_store SET metadata = {wrong}")
    for read in (journal(engine, key), engine.latest_snapshot(key)):
        with pytest.raises(CorruptJournalError) as raised:
            await read
        assert (raised.value.key, raised.value.sequence_number) == (key, 2)


async def test_metadata_is_removed_with_the_data(
    engine: SqlitePersistenceEngine, key: str, shell: sqlite3.Connection, numbered: Numbered
) -> None:
    await engine.persist_all(numbered(key, 1, 3, metadata={"by": "ann"}))
    await engine.delete_events(key, up_to=2)
    assert shell.execute("SELECT sequence_nr, metadata FROM event_journal ORDER BY 1").fetchall() == [
        (2, None),
        (3, '{"by":"ann"}'),
    ]


async def test_large_metadata_ends_a_page(engine: SqlitePersistenceEngine, key: str, numbered: Numbered) -> None:
    events = numbered(key, 1, 10, metadata={"why": "x" * 300_000})
    await engine.persist_all(events)
    page = await session_of(engine)._reader_thread.call(session_of(engine).reader.page, key, 0, 1000)
    assert (len(page.rows), page.is_last) == (4, False)
    assert await journal(engine, key) == events


@pytest.mark.parametrize("create", [True, False])
async def test_files_of_earlier_releases_get_the_columns_and_the_trigger(
    path: Path, shell: sqlite3.Connection, key: str, *, create: bool
) -> None:
    async with SqlitePersistenceEngine(path):
        pass
    as_an_earlier_release_left_it(shell)
    plant(shell, key, 1)
    async with SqlitePersistenceEngine(path, create_if_not_exists=create) as engine:
        event = PersistedEvent(key=key, sequence_number=2, data=None, metadata=METADATA)
        await engine.persist(event)
        plant(shell, key, 3)  # an earlier release still runs, and writes
        assert [each.metadata for each in await journal(engine, key)] == [{}, METADATA, {}]
        latest = await engine.latest_snapshot(key)
        assert latest is not None
        assert (latest.sequence_number, latest.metadata) == (3, {})
        await engine.persist(PersistedEvent(key="copied", sequence_number=9, data=None, is_deleted=True))


OPEN = """
import asyncio, sys
from nact.persistence import PersistedEvent
from nact_persistence_sqlite import SqlitePersistenceEngine
async def main():
    async with SqlitePersistenceEngine(sys.argv[1], timeout=60) as engine:
        event = PersistedEvent(key=sys.argv[2], sequence_number=1, data=None, metadata={"by": sys.argv[2]})
        await engine.persist(event)
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(main())
"""


async def test_ten_processes_can_open_a_file_of_an_earlier_release_at_once(
    start_python: Callable[..., subprocess.Popen[str]], path: Path, shell: sqlite3.Connection, key: str
) -> None:
    async with SqlitePersistenceEngine(path):
        pass
    as_an_earlier_release_left_it(shell)
    plant(shell, key, 1)
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
        for n in range(10):
            assert [event.metadata async for event in engine.events(f"k{n}")] == [{"by": f"k{n}"}]
        assert [event.metadata async for event in engine.events(key)] == [{}]
