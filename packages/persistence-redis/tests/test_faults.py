"""Faults that the laws don't try: a server restarts, or forgets its scripts, while hundreds of actors write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from redis.asyncio import Redis
from redis_servers.writers import Writers

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent
from nact_conformance.containers import RedisStorage
from nact_persistence_redis import RedisPersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]


@pytest.fixture
def writers(key: str) -> Writers:
    return Writers([f"{key}-{actor}" for actor in range(20)], count=60)


async def test_writers_do_not_notice_a_server_that_restarts(server: RedisStorage, writers: Writers) -> None:
    async with RedisPersistenceEngine(server.bare_url, retry_for=30) as engine:
        writing = writers.start(engine)
        await writers.halfway.wait()
        await asyncio.to_thread(server.restart)
        await writing
        await writers.check(engine)


async def test_writers_do_not_notice_a_server_that_forgot_scripts(
    engine: RedisPersistenceEngine, shell: Redis, writers: Writers
) -> None:
    writing = writers.start(engine)
    while not writing.done():
        await shell.script_flush()
        await asyncio.sleep(0)
    await writing
    await writers.check(engine)


async def test_writers_do_not_notice_connections_that_break(server: RedisStorage, writers: Writers) -> None:
    async with RedisPersistenceEngine(server.bare_url, retry_for=30) as engine:
        writing = writers.start(engine)
        for lose in [server.proxy.lose_reply, server.proxy.lose_request] * 5:
            lose(5)
            while server.proxy.armed and not writing.done():  # noqa: ASYNC110 (the proxy has no event)
                await asyncio.sleep(0.001)
        server.proxy.disarm()
        await writing
        await writers.check(engine)


async def test_a_frozen_server_is_waited_for_no_longer_than_was_said(
    server: RedisStorage, key: str, numbered: Numbered
) -> None:
    first, second = numbered(key, 1, 2)
    async with RedisPersistenceEngine(server.bare_url, timeout=0.3, retry_for=0.3) as engine:
        await engine.persist(first)
        server.pause()
        with pytest.raises(EngineUnavailableError, match="didn't answer in time") as raised:
            await engine.persist(second)
        server.resume()
        assert isinstance(raised.value, OutcomeUnknownError)
    async with RedisPersistenceEngine(server.bare_url) as engine:
        await engine.persist(second)
        assert [event async for event in engine.events(key)] == [first, second]


async def test_a_server_that_was_never_reached_has_stored_nothing(
    server: RedisStorage, key: str, numbered: Numbered
) -> None:
    server.cut_off()
    engine = RedisPersistenceEngine(server.bare_url, retry_for=0.1)
    with pytest.raises(EngineUnavailableError, match="can't be reached"):
        await engine.__aenter__()
    with pytest.raises(EngineUnavailableError, match="can't be reached") as raised:
        await engine.persist(numbered(key, 1, 1)[0])
    assert not isinstance(raised.value, OutcomeUnknownError)
    assert raised.value.__cause__ is not None
    await engine.aclose()


async def test_a_connection_that_broke_while_idle_has_sent_nothing(
    server: RedisStorage, key: str, numbered: Numbered
) -> None:
    first, second = numbered(key, 1, 2)
    async with RedisPersistenceEngine(server.bare_url, retry_for=0.1) as engine:
        await engine.persist(first)
        await asyncio.to_thread(server.cut_off)
        with pytest.raises(EngineUnavailableError, match="can't be reached") as raised:
            await engine.persist(second)
        assert not isinstance(raised.value, OutcomeUnknownError)
