from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from nact_conformance.containers import PostgresStorage, require_docker
from nact_conformance.storages_in_use import heal, use
from nact_persistence_postgres import PostgresPersistenceEngine

sys.path.insert(0, str(Path(__file__).parent))  # for postgres_servers

from postgres_servers.servers import NEWEST, OLDEST


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def containers() -> None:
    """Skips the tests where there is no Docker; fails them in CI."""
    require_docker()


@pytest.fixture(scope="session", params=[OLDEST, NEWEST], ids=["oldest", "newest"])
def running_server(request: pytest.FixtureRequest, containers: None) -> PostgresStorage:
    """A server for all tests."""
    server: PostgresStorage = request.param
    use(server)
    return server


@pytest.fixture
def server(running_server: PostgresStorage) -> Iterator[PostgresStorage]:
    """The server, as a test that harms it must leave it: running, and reached."""
    yield running_server
    heal(running_server)


@pytest.fixture
def key() -> str:
    return f"contacts:{uuid4()}"


@pytest.fixture
def schema() -> str:
    """A new name, which has to be quoted."""
    return f'A "schema" {uuid4().hex[:8]}'


@pytest.fixture
async def database(server: PostgresStorage) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection past the engine."""
    connection = await asyncpg.connect(server.direct_url)
    yield connection
    await connection.close()


@pytest.fixture
async def engine(server: PostgresStorage, schema: str) -> AsyncIterator[PostgresPersistenceEngine]:
    engine = PostgresPersistenceEngine(server.bare_url, schema=schema)
    yield engine
    await engine.aclose()


@pytest.fixture
async def other(server: PostgresStorage, schema: str) -> AsyncIterator[PostgresPersistenceEngine]:
    """Another engine for the same journal, as in another process."""
    engine = PostgresPersistenceEngine(server.bare_url, schema=schema)
    yield engine
    await engine.aclose()
