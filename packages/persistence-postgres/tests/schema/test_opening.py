from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import pytest
from postgres_servers.javascript import make_old_tables, quoted

from nact.errors import CorruptJournalError, EngineUnavailableError, InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import PostgresStorage
from nact_persistence_postgres import PostgresPersistenceEngine
from nact_persistence_postgres._schema import ddl

pytestmark = pytest.mark.anyio

if TYPE_CHECKING:
    Database: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Database = asyncpg.Connection


def event(key: str, number: int, data: object = None) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=data)


async def test_ten_starters_at_once_make_the_tables_once(server: PostgresStorage, schema: str) -> None:
    engines = [PostgresPersistenceEngine(server.bare_url, schema=schema) for _ in range(10)]
    await asyncio.gather(*[engine.persist(event(f"k{n}", 1)) for n, engine in enumerate(engines)])
    assert len([key async for key in engines[0].keys()]) == 10  # noqa: SIM118
    for engine in engines:
        await engine.aclose()


async def test_ten_starters_at_once_bring_old_tables_up_to_date(
    server: PostgresStorage, schema: str, database: Database
) -> None:
    await make_old_tables(database, schema)
    engines = [PostgresPersistenceEngine(server.bare_url, schema=schema) for _ in range(10)]
    await asyncio.gather(*[engine.persist(event(f"k{n}", 1)) for n, engine in enumerate(engines)])
    for engine in engines:
        await engine.aclose()
    indexes = await database.fetch("SELECT indexdef FROM pg_indexes WHERE schemaname = $1", schema)
    assert len(indexes) == len(set(indexes)) == 5


async def test_an_old_journal_is_continued_without_being_rewritten(
    server: PostgresStorage, schema: str, database: Database, engine: PostgresPersistenceEngine
) -> None:
    await make_old_tables(database, schema)
    files = (
        "SELECT pg_relation_filenode(indexrelid), pg_relation_filenode(indrelid) FROM pg_index "
        "WHERE indrelid = $1::regclass AND indisunique ORDER BY indexrelid"
    )
    before = await database.fetch(files, f"{quoted(schema)}.event_journal")
    await engine.persist(event("old", 4, {"n": 4}))
    assert await database.fetch(files, f"{quoted(schema)}.event_journal") == before
    first, second = [[each async for each in engine.events("old")] for _ in range(2)]
    assert first == second
    assert [each.data for each in first] == [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}]
    assert first[0].tags == ("a", "b")
    snapshot = await engine.latest_snapshot("old")
    assert snapshot is not None
    assert (snapshot.sequence_number, snapshot.data) == (2, {"sum": 3})


async def test_a_key_longer_than_the_old_column_is_taken(
    schema: str, database: Database, engine: PostgresPersistenceEngine
) -> None:
    await make_old_tables(database, schema)
    await engine.persist(event("k" * 2000, 1))
    assert await engine.highest_sequence_number("k" * 2000) == 1
    with pytest.raises(InvalidEventError, match="longer than"):
        await engine.persist(event("k" * 3000, 1))


@pytest.mark.parametrize("value", [1e22, 1.5e300, 5e-324, -1e16, 0.1, 1.0, 2**63 - 1, [1e22, {"a": 1e17}], "1e22"])
async def test_jsonb_gives_numbers_back_as_they_were(
    schema: str, database: Database, engine: PostgresPersistenceEngine, value: object
) -> None:
    await make_old_tables(database, schema)
    await engine.persist(event("k", 1, value))
    (found,) = [each async for each in engine.events("k")]
    assert repr(found.data) == repr(value)


@pytest.mark.parametrize("value", [-0.0, [-0.0], "a\0b", {"\0": 1}])
async def test_what_jsonb_would_alter_is_refused(
    schema: str, database: Database, engine: PostgresPersistenceEngine, value: object
) -> None:
    await make_old_tables(database, schema)
    with pytest.raises(InvalidEventError, match="jsonb"):
        await engine.persist(event("k", 1, value))
    assert await engine.highest_sequence_number("k") == 0


async def test_without_leave_to_create_nothing_is_made(
    server: PostgresStorage, schema: str, database: Database
) -> None:
    engine = PostgresPersistenceEngine(server.bare_url, schema=schema, create_if_not_exists=False)
    with pytest.raises(EngineUnavailableError, match="no table"):
        await engine.persist(event("k", 1))
    assert not await database.fetch("SELECT FROM pg_namespace WHERE nspname = $1", schema)
    await engine.aclose()


async def test_insert_and_select_are_enough(
    server: PostgresStorage, schema: str, database: Database, engine: PostgresPersistenceEngine
) -> None:
    await engine.persist(event("k", 1))
    url = await clerks_url(server, schema, database)
    for create in (False, True):
        async with PostgresPersistenceEngine(url, schema=schema, create_if_not_exists=create) as clerk:
            number = await clerk.highest_sequence_number("k") + 1
            await clerk.persist(event("k", number))
            assert len([each async for each in clerk.events("k")]) == number
            await clerk.take_snapshot(PersistedSnapshot(key="k", sequence_number=number, data=create))
            await clerk.take_snapshot(PersistedSnapshot(key="k", sequence_number=number, data=number))
            snapshot = await clerk.latest_snapshot("k")
            assert snapshot is not None
            assert snapshot.data == number
            for deletion in (clerk.delete_events, clerk.delete_snapshots):
                with pytest.raises(EngineUnavailableError, match="privilege"):
                    await deletion("k", up_to=1)


async def test_with_leave_to_delete_a_clerk_can_delete(
    server: PostgresStorage, schema: str, database: Database, engine: PostgresPersistenceEngine
) -> None:
    await engine.persist_all([event("k", number) for number in range(1, 4)])
    url = await clerks_url(server, schema, database, "SELECT, INSERT, DELETE")
    async with PostgresPersistenceEngine(url, schema=schema, create_if_not_exists=False) as clerk:
        await clerk.take_snapshot(PersistedSnapshot(key="k", sequence_number=1, data=None))
        await clerk.delete_snapshots("k", up_to=1)
        await clerk.delete_events("k", up_to=2)
        assert [each.sequence_number async for each in clerk.events("k")] == [2, 3]


async def clerks_url(
    server: PostgresStorage, schema: str, database: Database, privileges: str = "SELECT, INSERT"
) -> str:
    """The URL for a role that owns nothing, and has these privileges on the tables: what the README tells to grant."""
    role = f"clerk_{schema[-8:]}"
    await database.execute(f"""
      CREATE ROLE {role} LOGIN PASSWORD 'clerk'; GRANT USAGE ON SCHEMA {quoted(schema)} TO {role};
      GRANT {privileges} ON ALL TABLES IN SCHEMA {quoted(schema)} TO {role};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA {quoted(schema)} TO {role};
    """)
    return server.bare_url.replace("test:test@", f"{role}:clerk@")


async def test_rows_have_an_order_across_keys_in_which_none_comes_late(
    server: PostgresStorage, schema: str, database: Database, engine: PostgresPersistenceEngine
) -> None:
    read = f"""
      SELECT persistence_key FROM {quoted(schema)}.event_journal
      WHERE transaction_id < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY transaction_id, ordering
    """
    slow = f"""
      INSERT INTO {quoted(schema)}.event_journal (persistence_key, sequence_nr, created_at, data)
      VALUES ('slow', 1, 0, 'null')
    """
    await engine.persist(event("first", 1))
    other = await asyncpg.connect(server.direct_url)
    async with other.transaction():
        await other.execute(slow)
        await engine.persist(event("fast", 1))
        assert [row[0] for row in await database.fetch(read)] == ["first"]
    await other.close()
    assert [row[0] for row in await database.fetch(read)] == ["first", "slow", "fast"]


async def test_a_table_that_is_not_nacts_is_left_alone(
    schema: str, database: Database, engine: PostgresPersistenceEngine
) -> None:
    await database.execute(f"CREATE SCHEMA {quoted(schema)}")
    await database.execute(f"CREATE TABLE {quoted(schema)}.event_journal (id int)")
    with pytest.raises(CorruptJournalError, match="isn't nact's"):
        await engine.persist(event("k", 1))


async def test_an_index_that_was_left_unfinished_is_built_again(
    server: PostgresStorage, schema: str, database: Database
) -> None:
    await make_old_tables(database, schema)
    await database.execute(f"CREATE INDEX half ON {quoted(schema)}.snapshot_store (persistence_key, sequence_nr)")
    await database.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::regclass", f"{quoted(schema)}.half"
    )
    async with PostgresPersistenceEngine(server.bare_url, schema=schema):
        pass
    valid = "SELECT count(*) FROM pg_index WHERE indrelid = $1::regclass AND indisvalid"
    assert await database.fetchval(valid, f"{quoted(schema)}.snapshot_store") == 2


async def test_an_engine_that_comes_late_builds_no_second_index(
    server: PostgresStorage, schema: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_old_tables(database, schema)
    build_indexes = ddl.build_indexes

    async def build_late(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(ddl, "build_indexes", build_indexes)
        async with PostgresPersistenceEngine(server.bare_url, schema=schema):
            pass
        await build_indexes(*args, **kwargs)

    monkeypatch.setattr(ddl, "build_indexes", build_late)
    async with PostgresPersistenceEngine(server.bare_url, schema=schema):
        pass
    assert ddl.build_indexes is build_indexes
    assert len(await database.fetch("SELECT FROM pg_indexes WHERE schemaname = $1", schema)) == 5


async def test_snapshots_of_old_tables_gain_the_id_of_their_event(
    database: Database, schema: str, engine: PostgresPersistenceEngine
) -> None:
    await make_old_tables(database, schema)
    old = await engine.latest_snapshot("old")
    assert old is not None
    assert old.event_id is None
    new = PersistedSnapshot(key="old", sequence_number=3, data={"sum": 6}, event_id="that of the third")
    await engine.take_snapshot(new)
    assert await engine.latest_snapshot("old") == new
    assert await engine.latest_snapshot("old", up_to=2) == old
