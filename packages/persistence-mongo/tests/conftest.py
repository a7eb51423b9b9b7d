from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, common, network_layer
from pymongo.database import Database

from nact_conformance.containers import MongoStorage, require_docker
from nact_conformance.storages_in_use import heal, use
from nact_persistence_mongo import MongoPersistenceEngine

sys.path.insert(0, str(Path(__file__).parent))  # for mongo_servers

from mongo_servers.servers import REPLICA_SET, STANDALONE

# Motor's threads sleep or listen for this long before they notice that they are to end, and closing an engine waits for
# them. The default, half a second, would add up to minutes. PyMongo's own tests change the first one, too.
common.MIN_HEARTBEAT_INTERVAL = network_layer._POLL_TIMEOUT = 0.05


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def containers() -> None:
    """Skips the test where there is no Docker; fails it in CI."""
    require_docker()


@pytest.fixture(scope="session", params=[REPLICA_SET, STANDALONE], ids=["replica set", "standalone"])
def running_server(request: pytest.FixtureRequest, containers: None) -> MongoStorage:
    """The server that all tests share."""
    server: MongoStorage = request.param
    use(server)
    return server


@pytest.fixture
def server(running_server: MongoStorage) -> Iterator[MongoStorage]:
    """The server. After a test that harms it, it runs again and can be reached."""
    yield running_server
    heal(running_server)


@pytest.fixture
def key() -> str:
    return f"contacts:{uuid4()}"


@pytest.fixture
async def engine(server: MongoStorage) -> AsyncIterator[MongoPersistenceEngine]:
    engine = MongoPersistenceEngine(server.bare_url, retry_for=10)
    yield engine
    await engine.aclose()


@pytest.fixture(params=["motor", "pymongo"])
async def client(server: MongoStorage, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A user's client, of either driver."""
    if request.param == "motor":
        motor: AsyncIOMotorClient[Any] = AsyncIOMotorClient(server.bare_url)
        yield motor
        motor.close()
    else:
        pymongo: AsyncMongoClient[Any] = AsyncMongoClient(server.bare_url)
        async with pymongo:
            yield pymongo


@pytest.fixture
def shell(server: MongoStorage) -> Iterator[Database[dict[str, Any]]]:
    """The database as another program sees it."""
    with server.client() as client:
        yield client["laws"]
