from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent
from nact_conformance.containers import PostgresStorage
from nact_persistence_postgres import PostgresPersistenceEngine

pytestmark = pytest.mark.anyio


@pytest.fixture
async def patient(server: PostgresStorage, schema: str) -> AsyncIterator[PostgresPersistenceEngine]:
    """An engine that waits for a server for longer than it takes to start."""
    engine = PostgresPersistenceEngine(server.bare_url, schema=schema, timeout=5, retry_for=60)
    await engine.persist(PersistedEvent(key="opens it", sequence_number=1, data=None))
    yield engine
    await engine.aclose()


def event(key: str, number: int) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data={"number": number})


async def stored(engine: PostgresPersistenceEngine, key: str) -> list[PersistedEvent]:
    return [each async for each in engine.events(key)]


async def test_a_hundred_writers_do_not_notice_a_killed_server(
    server: PostgresStorage, patient: PostgresPersistenceEngine, key: str
) -> None:
    killed = asyncio.Event()
    at_work = [asyncio.Event() for _ in range(100)]
    acknowledged: dict[str, list[PersistedEvent]] = {f"{key}-{writer}": [] for writer in range(100)}

    async def write(mine: str, begun: asyncio.Event) -> None:
        while not killed.is_set() or len(acknowledged[mine]) < 3:
            each = event(mine, len(acknowledged[mine]) + 1)
            await patient.persist(each)
            acknowledged[mine].append(each)
            begun.set()

    writers = [asyncio.create_task(write(*each)) for each in zip(acknowledged, at_work, strict=True)]
    await asyncio.gather(*[begun.wait() for begun in at_work])
    await asyncio.to_thread(server.restart)
    killed.set()
    await asyncio.gather(*writers)
    for mine, events in acknowledged.items():
        assert await stored(patient, mine) == events


async def test_a_lost_acknowledgement_is_not_noticed(
    server: PostgresStorage, patient: PostgresPersistenceEngine, key: str
) -> None:
    events = [event(key, number) for number in range(1, 4)]
    await patient.persist(events[0])
    for each in events[1:]:
        server.proxy.lose_reply()
        await patient.persist(each)
        assert not server.proxy.armed
    assert await stored(patient, key) == events


async def test_a_batch_whose_acknowledgement_was_lost_is_stored_once(
    server: PostgresStorage, patient: PostgresPersistenceEngine, key: str
) -> None:
    events = [event(key, number) for number in range(1, 101)]
    server.proxy.lose_reply()
    await patient.persist_all(events)
    assert await stored(patient, key) == events


async def test_a_frozen_server_is_unavailable_with_an_unknown_outcome(
    server: PostgresStorage, schema: str, key: str
) -> None:
    engine = PostgresPersistenceEngine(server.bare_url, schema=schema, timeout=0.5, retry_for=0.5)
    await engine.persist(event(key, 1))
    await asyncio.to_thread(server.pause)
    with pytest.raises(EngineUnavailableError) as caught:
        await engine.persist(second := event(key, 2))
    assert isinstance(caught.value, OutcomeUnknownError)
    await asyncio.to_thread(server.resume)
    await engine.persist(second)
    assert [each.sequence_number for each in await stored(engine, key)] == [1, 2]
    await engine.aclose()


async def test_a_statement_that_waits_for_a_lock_is_given_up(
    server: PostgresStorage, database: asyncpg.Connection[asyncpg.Record], schema: str, key: str
) -> None:
    engine = PostgresPersistenceEngine(server.bare_url, schema=schema, timeout=0.3, retry_for=0.3)
    await engine.persist(event(key, 1))
    async with database.transaction():
        await database.execute(f'LOCK TABLE "{schema.replace(chr(34), chr(34) * 2)}".event_journal')
        with pytest.raises(EngineUnavailableError, match="in time") as caught:
            await engine.persist(second := event(key, 2))
        assert not isinstance(caught.value, OutcomeUnknownError)  # the server gave it up itself
    await engine.persist(second)
    assert [each.sequence_number for each in await stored(engine, key)] == [1, 2]
    await engine.aclose()


async def test_what_a_lone_writer_lost_the_answer_to_stays_unknown(
    server: PostgresStorage, schema: str, key: str
) -> None:
    engine = PostgresPersistenceEngine(server.bare_url, schema=schema, retry_for=0.3)
    await engine.persist(event(key, 1))
    await asyncio.to_thread(server.pause)
    write = asyncio.create_task(engine.persist(second := event(key, 2)))
    await asyncio.wait([write], timeout=0.1)
    server.cut_off()
    with pytest.raises(EngineUnavailableError) as caught:
        await write
    assert isinstance(caught.value, OutcomeUnknownError)
    await asyncio.to_thread(server.resume)
    server.reconnect()
    await engine.persist(second)
    assert [each.sequence_number for each in await stored(engine, key)] == [1, 2]
    await engine.aclose()


async def test_the_next_read_sees_a_lone_write_that_was_cancelled(
    server: PostgresStorage, patient: PostgresPersistenceEngine, key: str
) -> None:
    await patient.persist(event(key, 1))
    await asyncio.to_thread(server.pause)
    write = asyncio.create_task(patient.persist(event(key, 2)))
    await asyncio.wait([write], timeout=0.1)
    write.cancel()
    await asyncio.wait([write])
    read = asyncio.create_task(stored(patient, key))
    await asyncio.to_thread(server.resume)
    assert [each.sequence_number for each in await read] == [1, 2]
    await patient.persist(event(key, 3))


async def test_a_server_that_only_takes_reads_is_told_so(
    server: PostgresStorage, database: asyncpg.Connection[asyncpg.Record], schema: str, key: str
) -> None:
    role = f"reader_{schema[-8:]}"
    await database.execute(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'reader'")
    async with PostgresPersistenceEngine(server.bare_url, schema=schema):
        pass
    await database.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    url = server.bare_url.replace("test:test@", f"{role}:reader@")
    async with PostgresPersistenceEngine(url, schema=schema, retry_for=0.2) as engine:
        with pytest.raises(EngineUnavailableError, match="only takes reads") as caught:
            await engine.persist(event(key, 1))
        assert not isinstance(caught.value, OutcomeUnknownError)
        assert await stored(engine, key) == []


async def test_a_server_without_a_network_is_waited_for(
    server: PostgresStorage, patient: PostgresPersistenceEngine, key: str
) -> None:
    await patient.persist(event(key, 1))
    await asyncio.to_thread(server.disconnect_network)
    write = asyncio.create_task(patient.persist(event(key, 2)))
    await asyncio.wait([write], timeout=0.5)
    await asyncio.to_thread(server.connect_network)
    await write
    assert [each.sequence_number for each in await stored(patient, key)] == [1, 2]


async def test_nothing_is_stored_where_no_server_listens(server: PostgresStorage, schema: str, key: str) -> None:
    engine = PostgresPersistenceEngine(server.bare_url, schema=schema, retry_for=0.1)
    server.cut_off()
    with pytest.raises(EngineUnavailableError) as caught:
        await engine.persist(event(key, 1))
    assert not isinstance(caught.value, OutcomeUnknownError)
    server.reconnect()
    await engine.persist(event(key, 1))
    await engine.aclose()


async def test_a_replay_goes_on_over_a_restart(
    server: PostgresStorage, patient: PostgresPersistenceEngine, key: str
) -> None:
    await patient.persist_all([event(key, number) for number in range(1, 2501)])
    numbers = []
    async for each in patient.events(key):
        numbers.append(each.sequence_number)
        if each.sequence_number == 500:
            await asyncio.to_thread(server.restart)
    assert numbers == list(range(1, 2501))
