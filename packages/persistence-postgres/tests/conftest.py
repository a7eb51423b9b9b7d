from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import docker
import pytest
from docker.errors import DockerException

from nact_persistence_postgres import PostgresPersistenceEngine

sys.path.insert(0, str(Path(__file__).parent))  # for postgres_servers

from postgres_servers.containers import NEWEST, OLDEST, PostgresServer
from postgres_servers.reaper import start_reaper


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
    start_reaper()


@pytest.fixture(scope="session", params=[OLDEST, NEWEST], ids=["oldest", "newest"])
def running_server(request: pytest.FixtureRequest, containers: None) -> Iterator[PostgresServer]:
    """A server for all tests."""
    server = PostgresServer(request.param)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running_server: PostgresServer) -> Iterator[PostgresServer]:
    """The server, as a test that harms it must leave it: running, and reached."""
    yield running_server
    running_server.resume()
    running_server.start()
    running_server.proxy.disarm()
    running_server.reconnect()


@pytest.fixture
def key() -> str:
    return f"contacts:{uuid4()}"


@pytest.fixture
def schema() -> str:
    """A name that nobody uses yet, and that has to be quoted."""
    return f'A "schema" {uuid4().hex[:8]}'


@pytest.fixture
async def database(server: PostgresServer) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection past the engine."""
    connection = await asyncpg.connect(server.direct_url)
    yield connection
    await connection.close()


@pytest.fixture
async def engine(server: PostgresServer, schema: str) -> AsyncIterator[PostgresPersistenceEngine]:
    engine = PostgresPersistenceEngine(server.url, schema=schema)
    yield engine
    await engine.aclose()


@pytest.fixture
async def other(server: PostgresServer, schema: str) -> AsyncIterator[PostgresPersistenceEngine]:
    """Another engine for the same journal, as in another process."""
    engine = PostgresPersistenceEngine(server.url, schema=schema)
    yield engine
    await engine.aclose()
