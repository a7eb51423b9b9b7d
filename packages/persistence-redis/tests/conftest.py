from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import pytest
from docker.errors import DockerException
from redis.asyncio import Redis

from nact.persistence import PersistedEvent
from nact_persistence_redis import RedisPersistenceEngine

sys.path.insert(0, str(Path(__file__).parent))  # for redis_servers

from redis_servers.containers import DURABLE, NEWEST, OLDEST, RedisServer


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def containers() -> None:
    """Whoever has no Docker misses these tests; a run in CI that would miss them fails."""
    try:
        docker.from_env().ping()
    except DockerException as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have a Docker engine: {error}")
        pytest.skip(f"no Docker engine: {error}")


@pytest.fixture(scope="session", params=[OLDEST, NEWEST], ids=["oldest", "newest"])
def running_server(request: pytest.FixtureRequest, containers: None) -> Iterator[RedisServer]:
    """A server with `appendfsync always`, for all tests."""
    server = RedisServer(request.param, *DURABLE)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running_server: RedisServer) -> Iterator[RedisServer]:
    """The server, as a test that harms it must leave it: running, and reached."""
    yield running_server
    running_server.resume()
    running_server.start()
    running_server.proxy.disarm()
    running_server.reconnect()


@pytest.fixture
def start_server(containers: None) -> Iterator[Callable[..., RedisServer]]:
    """Starts a server of its own for a test, from an image and options."""
    servers: list[RedisServer] = []

    def start(image: str, *options: str) -> RedisServer:
        servers.append(RedisServer(image, *options))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def key() -> str:
    return f"contacts:{uuid4()}"


@pytest.fixture
async def engine(server: RedisServer) -> AsyncIterator[RedisPersistenceEngine]:
    engine = RedisPersistenceEngine(server.url)
    yield engine
    await engine.aclose()


@pytest.fixture
def numbered() -> Callable[..., list[PersistedEvent]]:
    """Events of a key, from one number to another."""

    def make(key: str, first: int, last: int, **fields: Any) -> list[PersistedEvent]:
        return [
            PersistedEvent(key=key, sequence_number=number, **{"data": {"n": number}, **fields})
            for number in range(first, last + 1)
        ]

    return make


@pytest.fixture
async def shell(server: RedisServer) -> AsyncIterator[Redis]:
    """The server as another program sees it."""
    async with Redis(port=server.port) as client:
        yield client
