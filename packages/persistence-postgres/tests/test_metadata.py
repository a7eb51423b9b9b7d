"""Metadata: where it is stored, and what happens to tables that were made before there was any."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import pytest
from postgres_servers.javascript import make_old_tables

from nact.errors import CorruptJournalError, EngineUnavailableError, InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.records import JsonValue
from nact_conformance.containers import PostgresStorage
from nact_persistence_postgres import PostgresPersistenceEngine
from nact_persistence_postgres._statements.sql import qualified

pytestmark = pytest.mark.anyio

if TYPE_CHECKING:
    Database: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Database = asyncpg.Connection

TABLES = ("event_journal", "snapshot_store")
BY_ANN = {"by": "ann", "why": {"rate": 1e22, "ticket": 7}}


def event(key: str, number: int, metadata: dict[str, JsonValue] | None = None, **fields: object) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=number, metadata=metadata or {}, **fields)  # type: ignore[arg-type]


def snapshot(key: str, number: int, metadata: dict[str, JsonValue] | None = None) -> PersistedSnapshot:
    return PersistedSnapshot(key=key, sequence_number=number, data=number, metadata=metadata or {}, event_id="id")


async def stored(engine: PostgresPersistenceEngine, key: str) -> list[PersistedEvent]:
    return [each async for each in engine.events(key)]


async def column_types(database: Database, schema: str) -> list[str]:
    query = "SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'metadata'"
    return [await database.fetchval(query, qualified(schema, table)) for table in TABLES]


async def test_it_is_a_column_of_json_that_is_null_where_there_is_none(
    engine: PostgresPersistenceEngine, database: Database, schema: str, key: str
) -> None:
    await engine.persist(event(key, 1, BY_ANN))
    await engine.persist(event(key, 2))
    await engine.take_snapshot(snapshot(key, 1, BY_ANN))
    await engine.take_snapshot(snapshot(key, 2))
    for table in TABLES:
        rows = await database.fetch(f"SELECT metadata, metadata ->> 'by' FROM {qualified(schema, table)} ORDER BY 2")
        assert [row[1] for row in rows] == ["ann", None]
        assert json.loads(rows[0][0]) == BY_ANN
        assert rows[1][0] is None
    assert await column_types(database, schema) == ["json", "json"]


async def test_each_way_to_store_and_to_read_keeps_it(
    engine: PostgresPersistenceEngine, other: PostgresPersistenceEngine, key: str
) -> None:
    alone = [event(f"{key}-alone", number, {"place": number}) for number in range(1, 4)]
    for each in alone:
        await engine.persist(each)
    batch = [event(f"{key}-batch", number, {"n": number} if number % 2 else {}) for number in range(1, 9)]
    await engine.persist_all(batch[:4])
    await engine.persist_all(batch[4:])
    tagged = [event(f"{key}-tagged", number, BY_ANN, tags=("t",)) for number in range(1, 3)]
    await engine.persist_all(tagged)
    large = [event(f"{key}-large", number, {"much": "much " * 1000 * number}) for number in range(1, 9)]
    for each in large:
        await engine.persist(each)
    journals = [alone, batch, tagged, large]
    for reader in (engine, other):
        assert [await stored(reader, events[0].key) for events in journals] == journals
        together = await asyncio.gather(*[stored(reader, events[0].key) for events in journals])
        assert together == journals
    assert [each async for each in other.events(tagged[0].key, tags=["t"])] == tagged


async def test_snapshots_keep_it_until_they_are_replaced(engine: PostgresPersistenceEngine, key: str) -> None:
    for metadata in (BY_ANN, {}, {"by": "bob"}):
        taken = [snapshot(f"{key}-{place}", 1, metadata) for place in range(3)]
        await asyncio.gather(*[engine.take_snapshot(each) for each in taken])
        assert await engine.latest_snapshot(taken[0].key) == taken[0]
        assert await asyncio.gather(*[engine.latest_snapshot(each.key) for each in taken]) == taken


async def test_a_page_of_large_metadata_is_bounded(
    engine: PostgresPersistenceEngine, database: Database, key: str
) -> None:
    await engine.persist_all([event(key, n, {"of": await random_text(database)}) for n in range(1, 13)])
    reader = (await engine._life.opened()).reader
    sizes = [len(page.rows) async for page in reader.pages(key, 0, None, ())]
    assert sum(sizes) == 12
    assert max(sizes) < 12


async def random_text(database: Database) -> str:
    """300,000 characters that compression doesn't make small."""
    make = "SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 9375)"
    return str(await database.fetchval(make))


@pytest.mark.parametrize("kind", ["json", "jsonb"])
async def test_ten_starters_at_once_add_the_column_to_old_tables(
    server: PostgresStorage, schema: str, database: Database, kind: str
) -> None:
    await make_old_tables(database, schema, kind)
    engines = [PostgresPersistenceEngine(server.bare_url, schema=schema) for _ in range(10)]
    await asyncio.gather(*[engine.persist(event(f"k{n}", 1, BY_ANN)) for n, engine in enumerate(engines)])
    assert [each.metadata for each in await stored(engines[0], "old")] == [{}, {}, {}]
    old = await engines[0].latest_snapshot("old")
    assert old is not None
    assert old.metadata == {}
    for n in range(10):
        assert [repr(each.metadata) for each in await stored(engines[0], f"k{n}")] == [repr(BY_ANN)]
    new = snapshot("old", 3, BY_ANN)
    await engines[0].take_snapshot(new)
    assert await engines[1].latest_snapshot("old") == new
    assert await column_types(database, schema) == [kind, kind]
    for engine in engines:
        await engine.aclose()


@pytest.mark.parametrize("value", [-0.0, "a\0b"])
async def test_what_jsonb_would_alter_is_refused(
    schema: str, database: Database, engine: PostgresPersistenceEngine, value: object
) -> None:
    await make_old_tables(database, schema)
    with pytest.raises(InvalidEventError, match="jsonb"):
        await engine.persist(event("k", 1, {"value": [value]}))
    with pytest.raises(InvalidEventError, match="jsonb"):
        await engine.take_snapshot(snapshot("k", 1, {"value": [value]}))
    assert await engine.highest_sequence_number("k") == 0


async def test_data_and_metadata_may_be_of_two_types(
    server: PostgresStorage, schema: str, database: Database, engine: PostgresPersistenceEngine
) -> None:
    await engine.persist(event("k", 1))
    await engine.aclose()
    table = qualified(schema, "event_journal")
    await database.execute(f"ALTER TABLE {table} ALTER COLUMN metadata TYPE jsonb USING metadata::jsonb")
    async with PostgresPersistenceEngine(server.bare_url, schema=schema) as mixed:
        await mixed.persist(PersistedEvent(key="k", sequence_number=2, data=-0.0))
        with pytest.raises(InvalidEventError, match="jsonb"):
            await mixed.persist(event("k", 3, {"zero": -0.0}))


@pytest.mark.parametrize("text", ["null", "[]", '"by ann"', r'{"a": "\ud800"}'])
async def test_what_cannot_be_read_is_a_corrupt_journal(
    engine: PostgresPersistenceEngine, database: Database, schema: str, key: str, text: str
) -> None:
    await engine.persist_all([event(key, 1, BY_ANN), event(key, 2, BY_ANN)])
    await engine.take_snapshot(snapshot(key, 2, BY_ANN))
    for table in TABLES:
        change = f"UPDATE {qualified(schema, table)} SET metadata = $1::text::json WHERE sequence_nr = 2"
        assert await database.execute(change, text) == "UPDATE 1"
    for read in (stored(engine, key), engine.latest_snapshot(key)):
        with pytest.raises(CorruptJournalError, match="metadata") as error:
            await read
        assert (error.value.key, error.value.sequence_number) == (key, 2)


async def test_tables_without_it_that_may_not_be_altered_are_told(
    server: PostgresStorage, schema: str, database: Database, engine: PostgresPersistenceEngine
) -> None:
    await engine.persist(event("k", 1))
    await engine.aclose()
    for table in TABLES:
        await database.execute(f"ALTER TABLE {qualified(schema, table)} DROP COLUMN metadata")
    late = PostgresPersistenceEngine(server.bare_url, schema=schema, create_if_not_exists=False)
    with pytest.raises(EngineUnavailableError, match=r"lacks the column metadata.*ADD COLUMN metadata json") as error:
        await late.persist(event("k", 2))
    await late.aclose()
    await database.execute(error.value.message.partition("or run: ")[2])
    async with PostgresPersistenceEngine(server.bare_url, schema=schema) as repaired:
        await repaired.persist(event("k", 2, BY_ANN))
        assert [each.metadata for each in await stored(repaired, "k")] == [{}, BY_ANN]


async def test_a_deletion_removes_it(
    engine: PostgresPersistenceEngine, database: Database, schema: str, key: str
) -> None:
    await engine.persist_all([event(key, number, BY_ANN) for number in (1, 2, 3)])
    await engine.delete_events(key, up_to=2)
    rows = await database.fetch(
        f"SELECT sequence_nr, metadata FROM {qualified(schema, 'event_journal')} ORDER BY sequence_nr"
    )
    assert [(row[0], row[1] is None) for row in rows] == [(2, True), (3, False)]
    # A row that says that it is deleted, and still has some, isn't done with.
    change = f"UPDATE {qualified(schema, 'event_journal')} SET metadata = '{{}}' WHERE sequence_nr = 2"
    await database.execute(change)
    assert [each.metadata for each in await stored(engine, key)] == [{}, BY_ANN]
    await engine.delete_events(key, up_to=2)
    query = f"SELECT metadata IS NULL FROM {qualified(schema, 'event_journal')} WHERE sequence_nr = 2"
    assert await database.fetchval(query)


async def test_a_snapshot_that_javascript_takes_has_none(
    engine: PostgresPersistenceEngine, database: Database, schema: str, key: str
) -> None:
    await engine.take_snapshot(snapshot(key, 1, BY_ANN))
    # As nact-persistence-postgres 8.0.1 takes it: a row more, also where there is a snapshot of this number.
    await database.execute(
        f"INSERT INTO {qualified(schema, 'snapshot_store')} (persistence_key, sequence_nr, created_at, data) "
        "VALUES ($1, 1, 0, '\"from javascript\"')",
        key,
    )
    found = await engine.latest_snapshot(key)
    assert found is not None
    assert (found.data, found.metadata) == ("from javascript", {})
