"""Rows that the server refuses, for reasons that aren't the engine's, and the errors for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from nact.errors import (
    CorruptJournalError,
    EngineClosedError,
    EngineUnavailableError,
    InvalidEventError,
    OutcomeUnknownError,
)
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import PostgresStorage
from nact_persistence_postgres import PostgresPersistenceEngine
from nact_persistence_postgres._statements.sql import qualified

pytestmark = pytest.mark.anyio

REFUSE_BAD = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF new.data ->> 'is' = 'bad' THEN {refuse}; END IF; RETURN new; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()
"""


def event(key: str, number: int, data: object = None) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=data)


async def numbers(engine: PostgresPersistenceEngine, key: str) -> list[int]:
    return [each.sequence_number async for each in engine.events(key)]


async def outcomes(engine: PostgresPersistenceEngine, events: list[PersistedEvent]) -> list[BaseException | None]:
    return await asyncio.gather(*[engine.persist(each) for each in events], return_exceptions=True)


@pytest.fixture
async def table(engine: PostgresPersistenceEngine, key: str, schema: str) -> str:
    """The journal's table, with an event in it."""
    await engine.persist(event(f"{key}-first", 1, {"is": "taken"}))
    return qualified(schema, "event_journal")


@pytest.mark.parametrize(
    "refuse",
    [
        "RAISE EXCEPTION 'not that one'",
        "RAISE EXCEPTION 'not that one' USING ERRCODE = 'MY001'",
        "RAISE EXCEPTION 'not that one' USING ERRCODE = '44000'",
        "RAISE EXCEPTION 'not that one' USING ERRCODE = '23P01'",
        "PERFORM not_that_one()",
    ],
    ids=["raised", "of a class of its own", "of a view", "excluded", "a mistake of the trigger"],
)
async def test_what_a_trigger_refuses_fails_alone(
    engine: PostgresPersistenceEngine,
    database: asyncpg.Connection[asyncpg.Record],
    table: str,
    key: str,
    refuse: str,
) -> None:
    function = f"{table.removesuffix(chr(34) + 'event_journal' + chr(34))}refuse"
    await database.execute(REFUSE_BAD.format(function=function, table=table, refuse=refuse))
    events = [event(f"{key}-{place}", 1, {"is": "bad" if place == 2 else "good"}) for place in range(5)]
    told = await outcomes(engine, events)
    assert [each is None for each in told] == [True, True, False, True, True]
    assert isinstance(told[2], InvalidEventError | EngineUnavailableError)
    assert not isinstance(told[2], OutcomeUnknownError)
    assert "not" in str(told[2])


async def test_an_index_of_ones_own_refuses_its_event_alone(
    engine: PostgresPersistenceEngine, database: asyncpg.Connection[asyncpg.Record], table: str, key: str
) -> None:
    await database.execute(f"CREATE UNIQUE INDEX each_once ON {table} ((data ->> 'is'))")
    told = await outcomes(engine, [event(f"{key}-{word}", 1, {"is": word}) for word in ("new", "taken", "other")])
    assert [each is None for each in told] == [True, False, True]
    assert isinstance(told[1], InvalidEventError)
    assert "each_once" in str(told[1])


async def test_a_sequence_that_was_set_back_is_told(
    engine: PostgresPersistenceEngine, database: asyncpg.Connection[asyncpg.Record], table: str, key: str
) -> None:
    await engine.persist_all([event(key, number) for number in range(1, 1001)])
    await database.execute("SELECT setval(pg_get_serial_sequence($1, 'ordering'), 1, false)", table)
    with pytest.raises(EngineUnavailableError, match="setval") as caught:
        await engine.persist(event(f"{key}-next", 1))
    assert not isinstance(caught.value, OutcomeUnknownError)


@pytest.fixture
async def watched(
    server: PostgresStorage, database: asyncpg.Connection[asyncpg.Record], schema: str, table: str, key: str
) -> AsyncIterator[PostgresPersistenceEngine]:
    """An engine with one connection, whose role sees no key that begins as this one, and deletes nothing."""
    role = f"watched_{uuid4().hex[:8]}"
    await database.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 1; GRANT USAGE ON SCHEMA {qualified(None, schema)} "
        f"TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA {qualified(None, schema)} TO {role}; "
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {qualified(None, schema)} TO {role}; "
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; "
        f"CREATE POLICY s ON {table} FOR SELECT USING (persistence_key <> '{key}-first'); "
        f"CREATE POLICY i ON {table} FOR INSERT WITH CHECK (true); "
        f"CREATE POLICY d ON {table} FOR DELETE USING (false)"
    )
    url = server.bare_url.replace("test:test@", f"{role}:x@")
    async with PostgresPersistenceEngine(url, schema=schema) as engine:
        yield engine


async def test_a_row_that_row_security_hides_is_told(watched: PostgresPersistenceEngine, key: str) -> None:
    with pytest.raises(EngineUnavailableError, match="row security") as caught:
        await watched.persist(event(f"{key}-first", 1))
    assert not isinstance(caught.value, OutcomeUnknownError)
    await watched.persist(event(key, 1))


async def test_a_deletion_that_deletes_nothing_ends(watched: PostgresPersistenceEngine, key: str) -> None:
    await watched.persist(event(key, 1))
    with pytest.raises(EngineUnavailableError, match="stay"):
        await watched.delete_events(key, up_to=1)


async def test_a_role_with_one_connection_is_enough(watched: PostgresPersistenceEngine, key: str) -> None:
    for number in (1, 2):
        await watched.persist(event(key, number))
        await watched.take_snapshot(PersistedSnapshot(key=key, sequence_number=number, data=None))
        assert await numbers(watched, key) == list(range(1, number + 1))


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("is_own", [True, False], ids=["own", "given"])
async def test_writers_give_way_where_connections_are_few(
    server: PostgresStorage, schema: str, key: str, size: int, is_own: bool
) -> None:
    async with asyncpg.create_pool(server.bare_url, min_size=0, max_size=size) as pool:
        source = server.bare_url if is_own else pool
        engine = PostgresPersistenceEngine(source, schema=schema, max_connections=size, timeout=2)
        async with engine:
            done = asyncio.Event()

            async def write() -> None:
                number = 0
                while not done.is_set():
                    number += 1
                    await engine.persist(event(key, number))
                    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=number, data=None))

            writing = asyncio.create_task(write())
            for _ in range(10):
                await engine.highest_sequence_number(key)
                await engine.latest_snapshot(key)
            await asyncio.gather(*[numbers(engine, f"{key}-{reader}") for reader in range(20)])
            done.set()
            await writing


async def test_what_the_encoding_lacks_is_refused(
    server: PostgresStorage, database: asyncpg.Connection[asyncpg.Record], key: str
) -> None:
    name = f"latin_{uuid4().hex[:8]}"
    await database.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    async with PostgresPersistenceEngine(f"{server.bare_url.rpartition(chr(47))[0]}/{name}") as engine:
        await engine.persist(event(key, 1, "é"))
        reads = await asyncio.gather(*[numbers(engine, each) for each in (key, "ж", "b")], return_exceptions=True)
        assert (reads[0], reads[2]) == ([1], [])
        assert isinstance(reads[1], InvalidEventError)
        with pytest.raises(InvalidEventError):
            await engine.delete_snapshots("ж", up_to=1)
        with pytest.raises(InvalidEventError):
            await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data="ж"))


async def test_text_that_is_not_utf8_is_a_corrupt_journal(
    server: PostgresStorage, database: asyncpg.Connection[asyncpg.Record], key: str
) -> None:
    name = f"ascii_{uuid4().hex[:8]}"
    await database.execute(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    url = f"{server.bare_url.rpartition(chr(47))[0]}/{name}"
    async with PostgresPersistenceEngine(url) as engine:
        await engine.persist(event(key, 1))
        other = await asyncpg.connect(url)
        await other.execute(
            "UPDATE event_journal SET data = ('\"' || convert_from('\\xff'::bytea, 'SQL_ASCII') || '\"')::json"
        )
        await other.close()
        with pytest.raises(CorruptJournalError):
            await numbers(engine, key)


async def test_bounds_beyond_64_bits_bound_nothing(engine: PostgresPersistenceEngine, key: str) -> None:
    await engine.persist_all([event(key, number) for number in range(1, 4)])
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=None))
    assert [each async for each in engine.events(key, after=2**64)] == []
    assert len([each async for each in engine.events(key, limit=2**64)]) == 3
    assert await engine.latest_snapshot(key, up_to=2**64) is not None
    await engine.delete_events(key, up_to=2**64)
    assert await numbers(engine, key) == [3]


async def test_a_pool_of_another_event_loop_is_told(server: PostgresStorage, schema: str, key: str) -> None:
    async with asyncpg.create_pool(server.bare_url, min_size=0) as pool:
        engine = PostgresPersistenceEngine(pool, schema=schema)

        def use() -> None:
            with pytest.raises(EngineClosedError, match="another event loop"):
                asyncio.run(engine.persist(event(key, 1)))

        await asyncio.to_thread(use)
