"""Connections that fall silent while new ones work, as with a firewall that has forgotten them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from redis_servers.late import LateLine
from redis_servers.servers import NEWEST_IMAGE
from redis_servers.tls import Certificates, tls_server

from nact.persistence import PersistedEvent, PersistedSnapshot, engine_from_url
from nact_conformance.containers import RedisStorage
from nact_persistence_redis import RedisPersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]
Call = Callable[[RedisPersistenceEngine, str], Awaitable[object]]


@pytest.fixture
async def line(server: RedisStorage) -> AsyncIterator[LateLine]:
    async with LateLine(server.port).running() as line:
        yield line


async def persist(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.persist(PersistedEvent(key=key, sequence_number=4, data=1))


async def delete_events(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.delete_events(key, up_to=2)


async def take_snapshot(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=3, data=1))


async def delete_snapshots(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.delete_snapshots(key, up_to=3)


async def events(engine: RedisPersistenceEngine, key: str) -> object:
    return [event async for event in engine.events(key)]


async def latest_snapshot(engine: RedisPersistenceEngine, key: str) -> object:
    return await engine.latest_snapshot(key)


async def highest(engine: RedisPersistenceEngine, key: str) -> object:
    return await engine.highest_sequence_number(key)


async def keys(engine: RedisPersistenceEngine, key: str) -> object:
    return [found async for found in engine.keys(prefix=key)]


CALLS = [persist, delete_events, take_snapshot, delete_snapshots, events, latest_snapshot, highest, keys]


@pytest.mark.parametrize("call", CALLS)
async def test_a_call_on_a_silent_line_takes_a_new_one(
    line: LateLine, key: str, numbered: Numbered, call: Call
) -> None:
    """Though one try takes all the time that there is for retries, and all connections at hand are silent."""
    url = f"redis://127.0.0.1:{line.port}/0"
    async with RedisPersistenceEngine(url, timeout=1.0, retry_for=1.0) as engine:
        await engine.persist_all(numbered(key, 1, 3))
        await asyncio.gather(*[events(engine, key) for _ in range(8)], *[keys(engine, key) for _ in range(8)])
        line.silence()
        await asyncio.gather(call(engine, key), *[highest(engine, f"{key}-{n}") for n in range(4)])


async def test_an_engine_with_silent_lines_closes(line: LateLine, key: str, numbered: Numbered) -> None:
    engine = RedisPersistenceEngine(f"redis://127.0.0.1:{line.port}/0", timeout=0.5, retry_for=0.1)
    await engine.persist_all(numbered(key, 1, 3))
    line.silence()
    writing = asyncio.create_task(persist(engine, key))
    await asyncio.sleep(0)
    await engine.aclose()
    await writing


async def test_an_engine_with_silent_lines_in_tls_closes(
    containers: None, tmp_path: Path, key: str, numbered: Numbered
) -> None:
    """The farewell of TLS isn't answered."""
    certificates = Certificates(tmp_path)
    with tls_server(NEWEST_IMAGE, certificates) as server:
        async with LateLine(server.port).running() as line:
            engine = engine_from_url(f"rediss://127.0.0.1:{line.port}/0?{certificates.query}&timeout=1&retry_for=30")
            assert isinstance(engine, RedisPersistenceEngine)
            await engine.persist_all(numbered(key, 1, 3))
            line.silence()
            await engine.aclose()
