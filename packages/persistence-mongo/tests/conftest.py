from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import pytest
from docker.errors import DockerException
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient
from pymongo.database import Database

from nact_persistence_mongo import MongoPersistenceEngine

sys.path.insert(0, str(Path(__file__).parent))  # for mongo_servers

from mongo_servers.containers import MongoServer


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


REPLICA_SET = MongoServer(replica_set=True)
STANDALONE = MongoServer(replica_set=False)


@pytest.fixture(scope="session", params=[REPLICA_SET, STANDALONE], ids=["replica set", "standalone"])
def running_server(request: pytest.FixtureRequest, containers: None) -> Iterator[MongoServer]:
    """A server for all tests."""
    server: MongoServer = request.param
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running_server: MongoServer) -> Iterator[MongoServer]:
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
async def engine(server: MongoServer) -> AsyncIterator[MongoPersistenceEngine]:
    engine = MongoPersistenceEngine(_plain(server.url), timeout=10)
    yield engine
    await engine.aclose()


@pytest.fixture(params=["motor", "pymongo"])
async def client(server: MongoServer, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A user's client, of either driver."""
    if request.param == "motor":
        motor: AsyncIOMotorClient[Any] = AsyncIOMotorClient(_plain(server.url))
        yield motor
        motor.close()
    else:
        pymongo: AsyncMongoClient[Any] = AsyncMongoClient(_plain(server.url))
        async with pymongo:
            yield pymongo


@pytest.fixture
def shell(server: MongoServer) -> Iterator[Database[dict[str, Any]]]:
    """The database as another program sees it."""
    with server.client() as client:
        yield client["laws"]


def _plain(url: str) -> str:
    return url.replace("&timeout=1", "")
