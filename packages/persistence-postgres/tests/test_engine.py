from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from nact.errors import EngineClosedError, InvalidEventError, SequenceConflictError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import PostgresStorage
from nact_persistence_postgres import PostgresPersistenceEngine

pytestmark = pytest.mark.anyio


def event(key: str, number: int, data: object = None) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=data)


async def numbers(engine: PostgresPersistenceEngine, key: str) -> list[int]:
    return [each.sequence_number async for each in engine.events(key)]


async def test_a_thousand_writers_share_a_few_statements(
    server: PostgresStorage, engine: PostgresPersistenceEngine
) -> None:
    keys = [str(uuid4()) for _ in range(1000)]
    await asyncio.gather(*[engine.persist(event(key, 1)) for key in keys])
    before = server.proxy.round_trips
    await asyncio.gather(*[engine.persist(event(key, 2)) for key in keys])
    assert server.proxy.round_trips - before <= 4


async def test_a_writer_that_slept_through_a_deletion_is_refused(
    engine: PostgresPersistenceEngine, other: PostgresPersistenceEngine, key: str
) -> None:
    for number in range(1, 4):
        await engine.persist(event(key, number))
    await other.persist(event(key, 4))
    await other.persist(event(key, 5))
    await other.delete_events(key, up_to=5)
    with pytest.raises(SequenceConflictError) as caught:
        await engine.persist(event(key, 4))
    assert caught.value.highest == 5
    assert await numbers(engine, key) == [5]


async def test_a_deletion_waits_for_writers_that_did_not_see_it(
    engine: PostgresPersistenceEngine, database: asyncpg.Connection[asyncpg.Record], schema: str, key: str
) -> None:
    for number in range(1, 4):
        await engine.persist(event(key, number))
    transaction = database.transaction()
    await transaction.start()
    await database.execute(f'LOCK TABLE "{schema.replace(chr(34), chr(34) * 2)}".event_journal IN ROW EXCLUSIVE MODE')
    deletion = asyncio.create_task(engine.delete_events(key, up_to=3))
    await asyncio.wait([deletion], timeout=0.3)
    assert not deletion.done()
    assert await numbers(engine, key) == [1, 2, 3]
    await transaction.rollback()
    await deletion
    assert await numbers(engine, key) == [3]


async def test_engines_that_race_for_many_keys_leave_one_winner_each(
    engine: PostgresPersistenceEngine, other: PostgresPersistenceEngine
) -> None:
    keys = [str(uuid4()) for _ in range(200)]
    for number in range(1, 4):
        rivals = [one.persist(event(key, number)) for one in (engine, other) for key in keys]
        results = await asyncio.gather(*rivals, return_exceptions=True)
        for first, second in zip(results[:200], results[200:], strict=True):
            assert [first, second].count(None) == 1
            assert isinstance(first or second, SequenceConflictError)


async def test_a_batch_is_stored_in_a_time_that_grows_with_its_size(
    engine: PostgresPersistenceEngine, key: str
) -> None:
    events = [event(key, number) for number in range(1, 20_001)]
    await engine.persist_all(events)
    assert await engine.highest_sequence_number(key) == 20_000


async def test_what_cannot_be_stored_fails_alone(engine: PostgresPersistenceEngine, key: str) -> None:
    await engine.persist(event(key, 1))
    others = [engine.persist(event(f"{key}-{n}", 1)) for n in range(50)]
    bad = engine.persist(PersistedEvent(key=key, sequence_number=2, data=None, tags=("a\0b",)))
    *results, refused = await asyncio.gather(*others, bad, return_exceptions=True)
    assert results == [None] * 50
    assert isinstance(refused, InvalidEventError)


@pytest.mark.parametrize("wrong", ["a\0b", "k" * 3000])
async def test_an_argument_that_no_table_can_hold_is_a_value_error(
    engine: PostgresPersistenceEngine, wrong: str
) -> None:
    for call in (
        numbers(engine, wrong),
        engine.highest_sequence_number(wrong),
        engine.delete_events(wrong, up_to=1),
        engine.latest_snapshot(wrong),
        engine.delete_snapshots(wrong, up_to=1),
    ):
        with pytest.raises(ValueError, match="persistence key"):
            await call
    with pytest.raises(InvalidEventError):
        await engine.persist(event(wrong, 1))
    with pytest.raises(InvalidEventError):
        await engine.take_snapshot(PersistedSnapshot(key=wrong, sequence_number=1, data=None))
    with pytest.raises(TypeError):
        await engine.take_snapshot(event("key", 1))  # type: ignore[arg-type]


async def test_the_pool_of_the_user_stays_open(server: PostgresStorage, schema: str, key: str) -> None:
    async with asyncpg.create_pool(server.bare_url, min_size=1, max_size=1) as pool:
        async with PostgresPersistenceEngine(pool, schema=schema) as engine:
            await engine.persist(event(key, 1))
            assert await numbers(engine, key) == [1]
        with pytest.raises(EngineClosedError):
            await engine.persist(event(key, 2))
        assert await pool.fetchval("SELECT 1") == 1


async def test_another_event_loop_is_told_so(engine: PostgresPersistenceEngine, key: str) -> None:
    await engine.persist(event(key, 1))
    with pytest.raises(RuntimeError, match="another event loop"):
        await asyncio.to_thread(lambda: asyncio.run(engine.persist(event(key, 2))))


async def test_a_replay_holds_no_connection_between_events(server: PostgresStorage, schema: str, key: str) -> None:
    async with (
        asyncpg.create_pool(server.bare_url, min_size=1, max_size=1) as pool,
        PostgresPersistenceEngine(pool, schema=schema, page_size=2) as engine,
    ):
        await engine.persist_all([event(key, number) for number in range(1, 6)])
        async for each in engine.events(key):
            await engine.persist(event(f"{key}-{each.sequence_number}", 1))


async def test_large_events_are_read_in_small_pages(engine: PostgresPersistenceEngine, key: str) -> None:
    words = [uuid4().hex * 10_000 for _ in range(3)]
    events = [event(key, number, words[number % 3]) for number in range(1, 13)]
    for each in events:
        await engine.persist(each)
    assert [each async for each in engine.events(key)] == events


async def test_a_password_is_never_told() -> None:
    engine = PostgresPersistenceEngine("postgresql://me:secret@localhost/db?password=secret")
    assert "secret" not in repr(engine)
