"""What the tests share: the event loop, and an empty journal for each test, in every engine."""

from pathlib import Path
from uuid import uuid4

import pytest

from nact_conformance.containers import MongoStorage, PostgresStorage, RedisStorage, require_docker
from nact_conformance.storages_in_use import use

STORAGES = {"postgres": PostgresStorage(), "redis": RedisStorage(), "mongo": MongoStorage(replica_set=True)}
ENGINES = ["memory", "sqlite", *[pytest.param(name, marks=pytest.mark.servers) for name in STORAGES]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Names a journal that is empty, and outlives the engines that are made of it."""
    return journal_url(request.param, tmp_path)


@pytest.fixture(params=ENGINES[1:])
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Names a journal that is empty, and outlives the processes that use it."""
    return journal_url(request.param, tmp_path)


def journal_url(engine: str, folder: Path) -> str:
    """The URL of an empty journal."""
    name = uuid4().hex
    if engine == "memory":
        return f"memory://{name}"
    if engine == "sqlite":
        return f"sqlite:///{folder}/contacts.db"
    require_docker()
    use(STORAGES[engine])
    url = STORAGES[engine].bare_url
    return {
        "postgres": f"{url}?schema=contacts-{name}",
        "redis": f"{url}?prefix={name}:",
        "mongo": url.replace("/laws?", f"/contacts-{name}?"),
    }[engine]
