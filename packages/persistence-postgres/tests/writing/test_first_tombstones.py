"""Tombstones that begin a journal, as the copy of a shortened one has to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import pytest
from postgres_servers.javascript import make_old_tables

from nact import configure_persistence, dispatch, query, spawn_persistent, start
from nact.errors import EngineUnavailableError, InvalidEventError, OutcomeUnknownError, SequenceConflictError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.context import PersistentContext
from nact_conformance.containers import PostgresStorage
from nact_persistence_postgres import PostgresPersistenceEngine
from nact_persistence_postgres._statements.sql import qualified

pytestmark = pytest.mark.anyio

if TYPE_CHECKING:
    Database: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Database = asyncpg.Connection


def event(key: str, number: int) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=number)


def tombstone(key: str, number: int) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=None, is_deleted=True)


async def stored(engine: PostgresPersistenceEngine, key: str) -> list[PersistedEvent]:
    return [each async for each in engine.events(key)]


async def listed(engine: PostgresPersistenceEngine) -> list[str]:
    return [key async for key in engine.keys()]  # noqa: SIM118 (not a dict)


@pytest.mark.parametrize("number", [1, 2, 5, 2**63 - 2])
async def test_a_journal_begins_with_it_and_goes_on(
    engine: PostgresPersistenceEngine, other: PostgresPersistenceEngine, key: str, number: int
) -> None:
    dead, following = tombstone(key, number), event(key, number + 1)
    await engine.persist(dead)
    assert await stored(engine, key) == [dead]
    await other.persist(following)
    for each in (engine, other):
        assert await stored(each, key) == [dead, following]
        assert await each.highest_sequence_number(key) == number + 1
        assert await listed(each) == [key]
    for late in {1, number, number + 1}:
        with pytest.raises(SequenceConflictError) as error:
            await engine.persist(event(key, late))
        assert error.value.highest == number + 1


async def test_the_same_one_again_succeeds_and_no_other_does(engine: PostgresPersistenceEngine, key: str) -> None:
    dead, following = tombstone(key, 5), event(key, 6)
    await engine.persist(dead)
    await engine.persist_all([dead])
    await engine.persist(following)
    await engine.persist(dead)
    for wrong in (tombstone(key, 5), tombstone(key, 3), tombstone(key, 7)):
        with pytest.raises(SequenceConflictError) as error:
            await engine.persist(wrong)
        assert error.value.highest == 6
    with pytest.raises(InvalidEventError):
        await engine.persist_all([tombstone(f"{key}-batch", 1), event(f"{key}-batch", 2)])
    assert await stored(engine, key) == [dead, following]
    assert await stored(engine, f"{key}-batch") == []


async def test_it_follows_no_record(engine: PostgresPersistenceEngine, key: str) -> None:
    first = event(key, 1)
    await engine.persist(first)
    for number in (1, 2, 3):
        with pytest.raises(SequenceConflictError):
            await engine.persist(tombstone(key, number))
    assert await stored(engine, key) == [first]
    await engine.persist_all([event(key, number) for number in range(2, 6)])
    await engine.delete_events(key, up_to=4)
    for number in (1, 3, 4, 6):
        with pytest.raises(SequenceConflictError):
            await engine.persist(tombstone(key, number))
    assert [each.sequence_number for each in await stored(engine, key)] == [4, 5]


async def test_it_takes_no_event_that_has_its_id(engine: PostgresPersistenceEngine, key: str) -> None:
    events = [event(key, number) for number in (1, 2, 3)]
    await engine.persist_all(events)
    same = PersistedEvent(key=key, sequence_number=2, data=None, is_deleted=True, event_id=events[1].event_id)
    await engine.persist(same)  # as with the engine in memory: the id tells that it is stored
    assert await stored(engine, key) == events


async def test_of_it_and_a_first_event_one_wins(
    engine: PostgresPersistenceEngine, other: PostgresPersistenceEngine, key: str
) -> None:
    keys = [f"{key}-{place}" for place in range(20)]
    await asyncio.gather(*[stored(one, each) for one in (engine, other) for each in keys])  # both know: it is empty
    rivals: list[PersistedEvent] = []
    for each in keys:
        rivals += [event(each, 1), tombstone(each, 5), tombstone(each, 3), tombstone(each, 1)]
    writers = [(engine, other)[place % 2] for place in range(len(rivals))]
    writes = [writer.persist(each) for writer, each in zip(writers, rivals, strict=True)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    for place, each in enumerate(keys):
        mine = results[4 * place : 4 * place + 4]
        assert mine.count(None) == 1
        assert sum(isinstance(result, SequenceConflictError) for result in mine) == 3
        winner = rivals[4 * place + mine.index(None)]
        assert await stored(engine, each) == [winner]


@pytest.mark.parametrize("ends", ["COMMIT", "ROLLBACK"])
async def test_it_waits_for_a_first_event_that_is_being_stored(
    engine: PostgresPersistenceEngine, database: Database, schema: str, key: str, ends: str
) -> None:
    await engine.persist(event(f"{key}-first", 1))
    await database.execute("BEGIN")
    await database.execute(
        f"INSERT INTO {qualified(schema, 'event_journal')} (persistence_key, sequence_nr, created_at, data, event_id) "
        "VALUES ($1, 1, 0, '1', 'of another')",
        key,
    )
    writing = asyncio.create_task(engine.persist(tombstone(key, 5)))
    await asyncio.wait([writing], timeout=0.3)
    assert not writing.done()
    await database.execute(ends)
    (result,) = await asyncio.gather(writing, return_exceptions=True)
    assert isinstance(result, SequenceConflictError) == (ends == "COMMIT")
    assert [each.sequence_number for each in await stored(engine, key)] == [1 if ends == "COMMIT" else 5]


@pytest.fixture
async def halted(engine: PostgresPersistenceEngine, database: Database, schema: str, key: str) -> asyncio.Task[None]:
    """A tombstone that is stored, but waits for another writer of the table; its caller was cancelled."""
    await engine.persist(event(f"{key}-first", 1))
    await database.execute("BEGIN")
    await database.execute(f"LOCK TABLE {qualified(schema, 'event_journal')} IN ROW EXCLUSIVE MODE")
    writing = asyncio.create_task(engine.persist(tombstone(key, 5)))
    await asyncio.wait([writing], timeout=0.3)
    writing.cancel()
    await asyncio.wait([writing])
    return writing


@pytest.mark.usefixtures("halted")
async def test_it_goes_on_when_its_caller_is_cancelled_and_reads_wait(
    engine: PostgresPersistenceEngine, other: PostgresPersistenceEngine, database: Database, key: str
) -> None:
    assert [each.sequence_number for each in await stored(other, key)] == [1, 5]  # the placeholder, for a moment
    reading = asyncio.create_task(stored(engine, key))
    listing = asyncio.create_task(listed(engine))
    await asyncio.wait([reading, listing], timeout=0.1)
    assert not (reading.done())
    assert not (listing.done())
    await database.execute("ROLLBACK")
    assert [each.sequence_number for each in await reading] == [5]
    assert key in await listing


@pytest.mark.usefixtures("halted")
async def test_closing_waits_for_it(
    engine: PostgresPersistenceEngine, other: PostgresPersistenceEngine, database: Database, key: str
) -> None:
    closing = asyncio.create_task(engine.aclose())
    await asyncio.wait([closing], timeout=0.1)
    assert not closing.done()
    await database.execute("ROLLBACK")
    await closing
    assert [each.sequence_number for each in await stored(other, key)] == [5]


async def test_a_writer_that_does_not_end_leaves_it_stored_and_unknown(
    server: PostgresStorage, schema: str, database: Database, engine: PostgresPersistenceEngine, key: str
) -> None:
    await engine.persist(event(f"{key}-first", 1))
    dead = tombstone(key, 5)
    impatient = PostgresPersistenceEngine(server.bare_url, schema=schema, timeout=0.3, retry_for=0.3)
    async with impatient, database.transaction():
        await database.execute(f"LOCK TABLE {qualified(schema, 'event_journal')} IN ROW EXCLUSIVE MODE")
        with pytest.raises(OutcomeUnknownError, match="doesn't end"):
            await impatient.persist(dead)
    with pytest.raises(SequenceConflictError):
        await engine.persist(event(key, 1))
    await engine.persist(dead)
    assert await stored(engine, key) == [dead]


async def test_a_deletion_below_it_does_nothing_and_above_it_goes_on(
    engine: PostgresPersistenceEngine, key: str
) -> None:
    dead = tombstone(key, 5)
    await engine.persist(dead)
    events = [event(key, number) for number in range(6, 9)]
    await engine.persist_all(events)
    for up_to in (1, 4, 5):
        await engine.delete_events(key, up_to=up_to)
        assert await stored(engine, key) == [dead, *events]
    await engine.delete_events(key, up_to=6)
    assert [(each.sequence_number, each.is_deleted) for each in await stored(engine, key)] == [
        (6, True),
        (7, False),
        (8, False),
    ]
    with pytest.raises(SequenceConflictError):
        await engine.persist(dead)
    assert await engine.highest_sequence_number(key) == 8


async def summing(state: int, msg: Any, ctx: PersistentContext[Any, Any]) -> int:
    if msg == "tell":
        dispatch(ctx.sender, state)
        return state
    if not ctx.recovering:
        await ctx.persist(msg)
    return state + int(msg)


async def test_a_snapshot_stands_on_it(engine: PostgresPersistenceEngine, key: str) -> None:
    dead = tombstone(key, 5)
    await engine.persist(dead)
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=5, data=15, event_id=dead.event_id))
    for told in (21, 27):
        async with start(configure_persistence(engine, close=False)) as system:
            actor = spawn_persistent(system, summing, key=key, initial_state=0)
            dispatch(actor, 6)
            assert await query(actor, "tell", 10) == told
    assert [each.sequence_number for each in await stored(engine, key)] == [5, 6, 7]


async def test_tables_of_javascript_take_it(
    engine: PostgresPersistenceEngine, database: Database, schema: str, key: str
) -> None:
    await make_old_tables(database, schema)
    dead = tombstone(key, 5)
    await engine.persist(dead)
    assert await stored(engine, key) == [dead]


async def test_it_needs_the_privilege_to_delete(
    server: PostgresStorage, schema: str, database: Database, engine: PostgresPersistenceEngine, key: str
) -> None:
    await engine.persist(event(f"{key}-first", 1))
    role, where = f"copier_{schema[-8:]}", qualified(None, schema)
    await database.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA {where} TO {role}; "
        f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {where} TO {role}; "
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {where} TO {role}"
    )
    async with PostgresPersistenceEngine(server.bare_url.replace("test:test@", f"{role}:x@"), schema=schema) as copier:
        with pytest.raises(EngineUnavailableError, match="may not delete") as error:
            await copier.persist(tombstone(key, 5))
        assert not isinstance(error.value, OutcomeUnknownError)
        assert await stored(engine, key) == []
        dead = tombstone(f"{key}-one", 1)
        await copier.persist(dead)
        assert await stored(engine, dead.key) == [dead]
