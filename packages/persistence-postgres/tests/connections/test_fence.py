"""A write that was given up, and what the server does with it later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg
import pytest

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import PostgresStorage
from nact_persistence_postgres import PostgresPersistenceEngine
from nact_persistence_postgres._statements.sql import qualified

pytestmark = pytest.mark.anyio


def event(key: str, number: int, data: object = None) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=data)


async def numbers(engine: PostgresPersistenceEngine, key: str) -> list[int]:
    return [each.sequence_number async for each in engine.events(key)]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 (another thread brings it about)
            await asyncio.sleep(0.005)


@pytest.fixture
def impatient(server: PostgresStorage, schema: str) -> PostgresPersistenceEngine:
    return PostgresPersistenceEngine(server.bare_url, schema=schema, timeout=0.5, retry_for=0.2)


async def given_up(server: PostgresStorage, engine: PostgresPersistenceEngine, write: asyncio.Future[None]) -> None:
    await until(lambda: server.proxy.is_holding)
    with pytest.raises(EngineUnavailableError) as caught:
        await write
    assert isinstance(caught.value, OutcomeUnknownError)
    server.proxy.hold_no_others()


async def test_an_event_that_arrives_late_is_not_stored(
    server: PostgresStorage, impatient: PostgresPersistenceEngine, key: str
) -> None:
    async with impatient as engine:
        await engine.persist(event(key, 1))
        server.proxy.hold_requests()
        await given_up(server, engine, asyncio.ensure_future(engine.persist(event(key, 2, "late"))))
        assert await numbers(engine, key) == [1]
        await asyncio.to_thread(server.proxy.deliver_requests)
        assert await numbers(engine, key) == [1]
        await engine.persist(event(key, 2))


async def test_a_batch_that_arrives_late_is_not_stored(
    server: PostgresStorage, impatient: PostgresPersistenceEngine, key: str
) -> None:
    async with impatient as engine:
        await engine.persist(event(key, 1))
        await engine.persist_all([event(key, number) for number in range(2, 5)])  # prepares the statement
        server.proxy.hold_requests()
        late = [event(key, number, "late") for number in range(5, 8)]
        await given_up(server, engine, asyncio.ensure_future(engine.persist_all(late)))
        assert await engine.highest_sequence_number(key) == 4
        await asyncio.to_thread(server.proxy.deliver_requests)
        assert await engine.highest_sequence_number(key) == 4


async def test_a_snapshot_that_arrives_late_replaces_none(
    server: PostgresStorage, impatient: PostgresPersistenceEngine, key: str
) -> None:
    late, newer = [PersistedSnapshot(key=key, sequence_number=1, data=data) for data in ("late", "newer")]
    async with impatient as engine:
        await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data="first"))
        server.proxy.hold_requests()
        await given_up(server, engine, asyncio.ensure_future(engine.take_snapshot(late)))
        await engine.take_snapshot(newer)
        await asyncio.to_thread(server.proxy.deliver_requests)
        assert await engine.latest_snapshot(key) == newer


async def test_what_a_pool_of_the_user_gave_up_is_ended_too(server: PostgresStorage, schema: str, key: str) -> None:
    async with asyncpg.create_pool(server.bare_url) as pool:
        engine = PostgresPersistenceEngine(pool, schema=schema, timeout=0.5, retry_for=0.2)
        async with engine:
            for number in (1, 2):  # on a connection with a statement of its own that is prepared
                await engine.persist(event(key, number))
            server.proxy.hold_requests()
            await given_up(server, engine, asyncio.ensure_future(engine.persist(event(key, 3, "late"))))
            assert await numbers(engine, key) == [1, 2]
            await asyncio.to_thread(server.proxy.deliver_requests)
            assert await numbers(engine, key) == [1, 2]


async def test_a_deletion_on_a_silent_line_ends_and_closes(
    server: PostgresStorage,
    impatient: PostgresPersistenceEngine,
    database: asyncpg.Connection[asyncpg.Record],
    key: str,
) -> None:
    engine = impatient
    await engine.persist_all([event(key, number) for number in range(1, 6)])
    await engine.persist_all([event(f"{key}-other", number) for number in range(1, 6)])
    server.proxy.silence()
    await asyncio.wait_for(engine.delete_events(key, up_to=3), 15)
    await asyncio.wait_for(engine.delete_events(f"{key}-other", up_to=3), 15)
    assert await numbers(engine, key) == [3, 4, 5]
    server.proxy.silence()
    await asyncio.wait_for(engine.aclose(), 15)


async def test_a_deletion_that_falls_silent_in_a_transaction_ends(
    server: PostgresStorage,
    impatient: PostgresPersistenceEngine,
    database: asyncpg.Connection[asyncpg.Record],
    key: str,
) -> None:
    schema = impatient._settings.schema
    assert schema is not None
    async with impatient as engine:
        await engine.persist_all([event(key, number) for number in range(1, 6)])
        async with database.transaction():
            await database.execute(f"LOCK TABLE {qualified(schema, 'event_journal')} IN EXCLUSIVE MODE")
            deletion = asyncio.ensure_future(engine.delete_events(key, up_to=3))
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass($1)"
            while not await database.fetchval(waiting, qualified(schema, "event_journal")):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            server.proxy.silence()
        await asyncio.wait([deletion], timeout=15)
        assert deletion.done()
        await engine.delete_events(key, up_to=3)
        assert await numbers(engine, key) == [3, 4, 5]


async def test_a_role_that_commits_without_its_disk_is_overruled(
    server: PostgresStorage, database: asyncpg.Connection[asyncpg.Record], schema: str, key: str
) -> None:
    role = f"hasty_{schema[-8:]}"
    await database.execute(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'hasty'")
    await database.execute(f"ALTER ROLE {role} SET synchronous_commit = off")
    await database.execute(f"ALTER ROLE {role} SET statement_timeout = '300ms'")
    url = server.bare_url.replace("test:test@", f"{role}:hasty@")
    async with PostgresPersistenceEngine(url, schema=schema) as engine:
        await engine.persist(event(key, 1))
        session = await engine._life.opened()
        lease = await session.pool.take(session.runner.attempts())
        told = [await lease.connection.fetchval(f"SHOW {name}") for name in ("synchronous_commit", "statement_timeout")]
        await session.pool.give_back(lease)
    assert told == ["on", "300ms"]
