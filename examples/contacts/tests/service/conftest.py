"""The service on a test's journal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from contacts import spawn_contacts_service
from nact import configure_persistence, engine_from_url, start
from nact.persistence import PersistenceEngine

from .client import Client, Serve


@pytest.fixture
def serve(url: str) -> Serve:
    """Runs the service on the journal, as often as you like: `async with serve() as client: ...`."""

    @asynccontextmanager
    async def serving(engine: PersistenceEngine | None = None, **options: Any) -> AsyncIterator[Client]:
        async with start(configure_persistence(engine_from_url(url) if engine is None else engine)) as system:
            yield Client(spawn_contacts_service(system, **options))

    return serving
