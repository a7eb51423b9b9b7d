"""A batch has an outcome for each item, whatever the others are."""

# ruff: noqa: SIM118 - an engine is no dict

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_sessions import session_of

from nact.errors import EngineUnavailableError, InvalidEventError, SequenceConflictError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.records import MAX_SEQUENCE_NUMBER
from nact_persistence_sqlite import SqlitePersistenceEngine
from nact_persistence_sqlite._writer import DeleteEvents

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]


async def numbers(engine: SqlitePersistenceEngine, key: str) -> list[int]:
    return [event.sequence_number async for event in engine.events(key)]


@pytest.mark.parametrize("number", [1, 2, 4, 6, 7, 100])
async def test_only_the_next_number_is_stored(
    engine: SqlitePersistenceEngine, key: str, number: int, numbered: Numbered
) -> None:
    await engine.persist_all(numbered(key, 1, 4))
    with pytest.raises(SequenceConflictError):
        await engine.persist(numbered(key, number, number)[0])
    assert await numbers(engine, key) == [1, 2, 3, 4]


@pytest.mark.parametrize("number", [2, 2**63 - 1])
async def test_a_key_begins_with_one(
    engine: SqlitePersistenceEngine, key: str, number: int, numbered: Numbered
) -> None:
    with pytest.raises(SequenceConflictError) as raised:
        await engine.persist(numbered(key, number, number)[0])
    assert raised.value.highest == 0


async def test_numbers_before_a_tombstone_are_never_used_again(
    engine: SqlitePersistenceEngine, path: Path, key: str, numbered: Numbered
) -> None:
    """Another engine went on from 4 to 6 and deleted them; this one has only seen 4."""
    await engine.persist_all(numbered(key, 1, 4))
    async with SqlitePersistenceEngine(path) as other:
        await other.persist_all(numbered(key, 5, 6))
        await other.delete_events(key, up_to=6)
    with pytest.raises(SequenceConflictError):
        await engine.persist(numbered(key, 5, 5)[0])
    assert await numbers(engine, key) == [6]


async def test_a_conflict_fails_alone(engine: SqlitePersistenceEngine, numbered: Numbered) -> None:
    await engine.persist(numbered("taken", 1, 1)[0])
    writes = [engine.persist(numbered(f"k{n}", 1, 1)[0]) for n in range(50)]
    writes[17:17] = [engine.persist(numbered("taken", 1, 1)[0])]
    writes[40:40] = [engine.persist(numbered("gap", 3, 3)[0])]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [SequenceConflictError, SequenceConflictError]
    assert len([name async for name in engine.keys()]) == 51


async def test_an_event_that_the_database_refuses_fails_alone(
    engine: SqlitePersistenceEngine, shell: sqlite3.Connection, numbered: Numbered
) -> None:
    await engine.persist(numbered("k", 1, 1)[0])
    shell.execute(
        "CREATE TRIGGER mine BEFORE INSERT ON event_journal WHEN NEW.data = '13' "
        "BEGIN SELECT raise(ABORT, 'an unlucky number'); END"
    )
    writes = [engine.persist(PersistedEvent(key=f"k{n}", sequence_number=1, data=n)) for n in range(20)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    (refused,) = [outcome for outcome in outcomes if outcome]
    assert isinstance(refused, InvalidEventError)
    assert "unlucky" in str(refused)
    assert len([name async for name in engine.keys()]) == 20


async def test_an_event_too_large_for_the_database_fails_alone(
    engine: SqlitePersistenceEngine, numbered: Numbered
) -> None:
    await engine.persist(numbered("k", 1, 1)[0])
    await session_of(engine)._writer_thread.call(limit_length, engine, 10_000)
    large = engine.persist(PersistedEvent(key="large", sequence_number=1, data="x" * 20_000))
    outcomes = await asyncio.gather(large, engine.persist(numbered("small", 1, 1)[0]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [InvalidEventError, type(None)]
    assert await numbers(engine, "small") == [1]


def limit_length(engine: SqlitePersistenceEngine, limit: int) -> None:
    with session_of(engine)._writer._database as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limit)


async def test_events_of_a_key_that_go_out_together_are_stored_in_order(
    engine: SqlitePersistenceEngine, key: str, numbered: Numbered
) -> None:
    await asyncio.gather(*(engine.persist(event) for event in numbered(key, 1, 700)))
    assert await numbers(engine, key) == list(range(1, 701))


async def test_the_same_event_again_is_stored_once(
    engine: SqlitePersistenceEngine, path: Path, key: str, numbered: Numbered
) -> None:
    events = numbered(key, 1, 3)
    await asyncio.gather(*(engine.persist(event) for event in [*events, *events]))
    await engine.persist_all(events)
    async with SqlitePersistenceEngine(path) as other:
        await other.persist(events[1])
    assert [event async for event in engine.events(key)] == events


async def test_a_batch_with_a_conflict_stores_nothing(
    engine: SqlitePersistenceEngine, key: str, numbered: Numbered
) -> None:
    stored = numbered(key, 1, 3)
    await engine.persist_all(stored)
    for batch in (numbered(key, 3, 5), [stored[2], *numbered(key, 4, 5)], numbered(key, 5, 7)):
        other = engine.persist(numbered(f"other {batch[0].event_id}", 1, 1)[0])
        outcomes = await asyncio.gather(engine.persist_all(batch), other, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [SequenceConflictError, type(None)]
    assert [event async for event in engine.events(key)] == stored


async def test_a_batch_of_more_rows_than_one_statement_holds_is_atomic(
    engine: SqlitePersistenceEngine, key: str, numbered: Numbered
) -> None:
    await engine.persist(PersistedEvent(key=key, sequence_number=1, data=None))
    with pytest.raises(SequenceConflictError):
        await engine.persist_all(numbered(key, 3, 3000))
    last = numbered(key, 2, 3000)
    await engine.persist_all(last)
    await engine.persist_all(last)
    assert await numbers(engine, key) == list(range(1, 3001))


async def test_a_batch_that_is_refused_in_its_second_statement_stores_nothing(
    engine: SqlitePersistenceEngine, shell: sqlite3.Connection, key: str, numbered: Numbered
) -> None:
    batch = numbered(key, 1, 2000)
    batch[1500] = PersistedEvent(key=key, sequence_number=1501, data="unlucky")
    await engine.persist(numbered("other", 1, 1)[0])
    shell.execute(
        "CREATE TRIGGER mine BEFORE INSERT ON event_journal WHEN NEW.data = '\"unlucky\"' "
        "BEGIN SELECT raise(ABORT, 'no'); END"
    )
    with pytest.raises(InvalidEventError):
        await engine.persist_all(batch)
    assert await engine.highest_sequence_number(key) == 0


@pytest.mark.parametrize("how", ["IGNORE", "FAIL, 'no'"])
async def test_a_trigger_that_lets_through_a_part_is_an_error(
    engine: SqlitePersistenceEngine, shell: sqlite3.Connection, key: str, how: str, numbered: Numbered
) -> None:
    await engine.persist(numbered("other", 1, 1)[0])
    when = "WHEN NEW.data = '13'"
    shell.execute(f"CREATE TRIGGER mine BEFORE INSERT ON event_journal {when} BEGIN SELECT raise({how}); END")
    unlucky = [PersistedEvent(key=key, sequence_number=number, data=number + 10) for number in (1, 2, 3)]
    writes = [
        engine.persist_all(unlucky),
        engine.persist(PersistedEvent(key="k", sequence_number=1, data=13)),
        engine.persist(numbered("other", 2, 2)[0]),
    ]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [InvalidEventError, InvalidEventError, type(None)]
    with pytest.raises(InvalidEventError):
        await engine.persist_all(unlucky)
    with pytest.raises(InvalidEventError):
        await engine.persist(PersistedEvent(key="k", sequence_number=1, data=13))
    assert [name async for name in engine.keys()] == ["other"]


@pytest.mark.parametrize("statement", ["DELETE FROM event_journal", "DELETE FROM event_journal WHERE sequence_nr > 1"])
async def test_no_event_is_stored_after_deleted_rows(
    engine: SqlitePersistenceEngine, shell: sqlite3.Connection, key: str, statement: str, numbered: Numbered
) -> None:
    await engine.persist_all(numbered(key, 1, 3))
    shell.execute(statement)
    for write in (engine.persist(numbered(key, 4, 4)[0]), engine.persist_all(numbered(key, 4, 5))):
        with pytest.raises(SequenceConflictError):
            await write
    assert 4 not in await numbers(engine, key)


async def test_no_event_is_stored_in_tables_made_anew(
    engine: SqlitePersistenceEngine, shell: sqlite3.Connection, path: Path, key: str, numbered: Numbered
) -> None:
    await engine.persist_all(numbered(key, 1, 3))
    for table in ("event_journal", "snapshot_store", "nact_schema"):
        shell.execute(f"DROP TABLE {table}")
    (event,) = numbered(key, 4, 4)
    with pytest.raises(EngineUnavailableError):
        await engine.persist(event)
    async with SqlitePersistenceEngine(path) as other:
        assert await numbers(other, key) == []
    with pytest.raises(SequenceConflictError):
        await engine.persist(event)


async def test_between_the_transactions_of_a_deletion_the_journal_is_readable_and_grows(
    engine: SqlitePersistenceEngine, key: str, numbered: Numbered
) -> None:
    await engine.persist_all(numbered(key, 1, 12_000))
    deletion = DeleteEvents(key, MAX_SEQUENCE_NUMBER)
    await session_of(engine)._writer_thread.call(session_of(engine)._writer.write, [deletion])
    assert (deletion.is_done, deletion.up_to) == (False, 12_000)
    left = await numbers(engine, key)
    assert left == [*range(1, len(left)), 12_000]
    await engine.persist(numbered(key, 12_001, 12_001)[0])
    while not deletion.is_done:
        await session_of(engine)._writer_thread.call(session_of(engine)._writer.write, [deletion])
    assert await numbers(engine, key) == [12_000, 12_001]


async def test_an_empty_batch_does_nothing(engine: SqlitePersistenceEngine) -> None:
    await engine.persist_all([])
    assert [name async for name in engine.keys()] == []


async def test_events_snapshots_and_deletions_go_out_together(
    engine: SqlitePersistenceEngine, numbered: Numbered
) -> None:
    await engine.persist_all(numbered("a", 1, 3))
    snapshot = PersistedSnapshot(key="b", sequence_number=2, data="state")
    outcomes = await asyncio.gather(
        engine.persist(numbered("a", 9, 9)[0]),
        engine.delete_events("a", up_to=2),
        engine.persist(numbered("b", 1, 1)[0]),
        engine.take_snapshot(snapshot),
        engine.delete_snapshots("c", up_to=5),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [SequenceConflictError, *[type(None)] * 4]
    assert await numbers(engine, "a") == [2, 3]
    assert await engine.latest_snapshot("b") == snapshot


@pytest.mark.parametrize("count", [1, 2, 3, 5, 31, 33, 500, 1023, 1024, 1025, 2049])
async def test_every_number_of_rows_is_stored_whole(
    engine: SqlitePersistenceEngine, key: str, count: int, numbered: Numbered
) -> None:
    events = numbered(key, 1, count)
    await engine.persist_all(events)
    assert [event async for event in engine.events(key)] == events
