"""Connections that are left in the middle of a round trip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from nact_conformance.containers import RedisStorage
from nact_persistence_redis._connections.address import address_of
from nact_persistence_redis._connections.errors import InterruptedExchange
from nact_persistence_redis._routing.servers import Servers
from nact_persistence_redis._routing.source import ConnectionOptions, servers_of

pytestmark = pytest.mark.anyio
TIMEOUT = 20.0


@pytest.fixture
async def servers(server: RedisStorage) -> AsyncIterator[Servers]:
    servers = servers_of(address_of(server.bare_url), ConnectionOptions(timeout=TIMEOUT, max_connections=4))
    yield servers
    await servers.aclose()


async def ping(servers: Servers, timeout: float = TIMEOUT) -> object:
    return await servers.connections.exchange(servers.pool(b""), lambda: [("PING",)], timeout)


async def wait(servers: Servers, key: str, timeout: float = TIMEOUT) -> object:
    """What the server has no answer to."""
    return await servers.connections.exchange(servers.pool(b""), lambda: [("BLPOP", key, 0)], timeout)


async def test_a_reply_that_came_too_late_reaches_no_other_caller(servers: Servers, key: str) -> None:
    assert await ping(servers) == [b"PONG"]
    with pytest.raises(InterruptedExchange) as interrupted:
        await wait(servers, key, timeout=0.1)
    assert interrupted.value.was_sent
    assert await ping(servers) == [b"PONG"]


async def test_a_cancelled_callers_reply_reaches_no_other_caller(servers: Servers, shell: Redis, key: str) -> None:
    assert await ping(servers) == [b"PONG"]
    waiting = asyncio.create_task(wait(servers, key))
    while (await shell.info("clients"))["blocked_clients"] == 0:  # noqa: ASYNC110 (the server has no event)
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await ping(servers) == [b"PONG"]
