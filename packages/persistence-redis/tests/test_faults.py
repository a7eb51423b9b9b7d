"""What the laws don't try: the server dies and comes back, or forgets its scripts, while hundreds of actors write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from nact.errors import EngineUnavailableError
from nact.persistence import PersistedEvent
from nact_conformance.containers import RedisStorage
from nact_persistence_redis import RedisPersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]


async def test_writers_do_not_notice_a_server_that_is_killed_and_soon_back(
    server: RedisStorage, key: str, numbered: Numbered
) -> None:
    async with RedisPersistenceEngine(server.bare_url, retry_for=30) as engine:
        writers, halfway = _write(engine, key, numbered, count=60)
        await _until(halfway, writers)
        await asyncio.to_thread(server.restart)
        await writers
        await _expect_all(engine, key, 60)


async def test_writers_do_not_notice_that_the_server_forgot_its_scripts(
    server: RedisStorage, engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered
) -> None:
    writers, halfway = _write(engine, key, numbered, count=60)
    await _until(halfway, writers)
    while not writers.done():
        await shell.script_flush()
        await asyncio.sleep(0)
    await writers
    await _expect_all(engine, key, 60)


async def test_writers_do_not_notice_connections_that_break_again_and_again(
    server: RedisStorage, key: str, numbered: Numbered
) -> None:
    async with RedisPersistenceEngine(server.bare_url, retry_for=30) as engine:
        writers, _ = _write(engine, key, numbered, count=60)
        for lose in [server.proxy.lose_reply, server.proxy.lose_request] * 5:
            lose(5)
            while server.proxy.armed and not writers.done():  # noqa: ASYNC110 (the proxy has no event)
                await asyncio.sleep(0.001)
        server.proxy.disarm()
        await writers
        await _expect_all(engine, key, 60)


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
        assert not raised.value.outcome_known
    async with RedisPersistenceEngine(server.bare_url) as engine:
        await engine.persist(second)
        assert [event async for event in engine.events(key)] == [first, second]


async def test_a_server_that_was_never_reached_has_stored_nothing_for_certain(
    server: RedisStorage, key: str, numbered: Numbered
) -> None:
    server.cut_off()
    engine = RedisPersistenceEngine(server.bare_url, retry_for=0.1)
    with pytest.raises(EngineUnavailableError, match="can't be reached") as raised:
        await engine.persist(numbered(key, 1, 1)[0])
    assert raised.value.outcome_known
    assert raised.value.__cause__ is not None
    await engine.aclose()


def _write(
    engine: RedisPersistenceEngine, key: str, numbered: Numbered, *, count: int
) -> tuple[asyncio.Future[list[None]], asyncio.Event]:
    """Twenty actors that write `count` events each; the event is set when one of them is half done."""
    halfway = asyncio.Event()

    async def write(actor: str) -> None:
        for event in numbered(actor, 1, count):
            await engine.persist(event)
            if event.sequence_number == count // 2:
                halfway.set()

    return asyncio.gather(*[write(f"{key}-{actor}") for actor in range(20)]), halfway


async def _until(halfway: asyncio.Event, writers: asyncio.Future[list[None]]) -> None:
    """Returns when the event is set, or a writer failed before."""
    writers.add_done_callback(lambda _: halfway.set())
    await halfway.wait()


async def _expect_all(engine: RedisPersistenceEngine, key: str, count: int) -> None:
    for actor in range(20):
        numbers = [event.sequence_number async for event in engine.events(f"{key}-{actor}")]
        assert numbers == list(range(1, count + 1))
