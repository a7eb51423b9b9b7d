from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from nact.persistence import PersistedEvent
from nact_conformance.containers import RedisStorage, require_docker
from nact_conformance.storages_in_use import heal, use
from nact_persistence_redis import RedisPersistenceEngine

sys.path.insert(0, str(Path(__file__).parent))  # for redis_servers

from redis_servers.servers import NEWEST, OLDEST


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def containers() -> None:
    """Without Docker these tests are skipped, and fail in CI."""
    require_docker()


@pytest.fixture(scope="session", params=[OLDEST, NEWEST], ids=["oldest", "newest"])
def running_server(request: pytest.FixtureRequest, containers: None) -> RedisStorage:
    """A server with `appendfsync always`, for all tests."""
    server: RedisStorage = request.param
    use(server)
    return server


@pytest.fixture
def server(running_server: RedisStorage) -> Iterator[RedisStorage]:
    """The server, as a test that harms it must leave it: running, and reached."""
    yield running_server
    heal(running_server)


@pytest.fixture
def start_server(containers: None) -> Iterator[Callable[..., RedisStorage]]:
    """Starts a server of its own for a test, from an image and options."""
    servers: list[RedisStorage] = []

    def start(image: str, *options: str) -> RedisStorage:
        servers.append(RedisStorage(image, options=options))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def key() -> str:
    return f"contacts:{uuid4()}"


@pytest.fixture
async def engine(server: RedisStorage) -> AsyncIterator[RedisPersistenceEngine]:
    engine = RedisPersistenceEngine(server.bare_url)
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
async def shell(server: RedisStorage) -> AsyncIterator[Redis]:
    """The server as another program sees it."""
    async with Redis(port=server.port) as client:
        yield client
