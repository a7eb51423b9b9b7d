"""PgBouncer in transaction mode between the engine and the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from nact.persistence import PersistedEvent
from nact_conformance.containers import PgBouncerStorage, PostgresStorage
from nact_conformance.storages_in_use import heal, use
from nact_persistence_postgres import PostgresPersistenceEngine

pytestmark = pytest.mark.anyio

FORGETFUL = PgBouncerStorage(PostgresStorage())
REMEMBERING = PgBouncerStorage(PostgresStorage(), prepared_statements=100)


@pytest.fixture
def pooler(containers: None) -> Iterator[PgBouncerStorage]:
    """A PgBouncer that knows nothing of prepared statements."""
    use(FORGETFUL)
    yield FORGETFUL
    heal(FORGETFUL)


async def test_many_engines_share_few_connections(pooler: PgBouncerStorage, schema: str) -> None:
    engines = [PostgresPersistenceEngine(pooler.bare_url, schema=schema) for _ in range(8)]

    async def write(engine: PostgresPersistenceEngine, key: str) -> list[int]:
        for number in range(1, 21):
            await engine.persist(event(key, number))
        return [each.sequence_number async for each in engine.events(key)]

    writers = [write(engine, f"{place}-{writer}") for place, engine in enumerate(engines) for writer in range(5)]
    assert await asyncio.gather(*writers) == [list(range(1, 21))] * 40
    await engines[0].delete_events("0-0", up_to=7)
    assert [each.sequence_number async for each in engines[1].events("0-0")] == list(range(7, 21))
    for engine in engines:
        await engine.aclose()


async def test_a_pooler_is_found_out(pooler: PgBouncerStorage, schema: str) -> None:
    for url, expected in ((pooler.bare_url, True), (pooler.direct_url, False)):
        async with PostgresPersistenceEngine(url, schema=schema) as engine:
            assert (await engine._life.opened()).pool.has_pooler is expected


async def test_writers_do_not_notice_that_the_server_is_killed(pooler: PgBouncerStorage, schema: str, key: str) -> None:
    async with PostgresPersistenceEngine(pooler.bare_url, schema=schema, retry_for=60) as engine:
        await engine.persist(event(key, 1))
        await asyncio.to_thread(pooler.kill)
        write = asyncio.create_task(engine.persist(event(key, 2)))
        await asyncio.to_thread(pooler.start)
        await write
        assert [each.sequence_number async for each in engine.events(key)] == [1, 2]


async def test_a_pooler_that_remembers_statements_can_be_told_of(containers: None, schema: str, key: str) -> None:
    use(REMEMBERING)
    engines = [PostgresPersistenceEngine(REMEMBERING.bare_url, schema=schema, statement_cache_size=100) for _ in "1234"]
    for number, engine in enumerate(engines * 5, 1):
        await asyncio.gather(*[engine.persist(event(f"{key}-{writer}", number)) for writer in range(5)])
    assert [each.sequence_number async for each in engines[0].events(f"{key}-4")] == list(range(1, 21))
    pool = (await engines[0]._life.opened()).pool
    assert (pool.has_pooler, pool.keeps_settings, pool.keeps_statements) == (True, False, True)
    for engine in engines:
        await engine.aclose()


def event(key: str, number: int) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data={"n": number})
