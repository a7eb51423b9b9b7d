"""What the tests share: the event loop, and a journal for each test, in memory and in a SQLite file."""

from pathlib import Path
from uuid import uuid4

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Names a journal that is empty, and outlives the engines that are made of it."""
    return f"memory://{uuid4().hex}" if request.param == "memory" else f"sqlite:///{tmp_path}/contacts.db"
