"""A server that is reached by a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nact.persistence import PersistedEvent
from nact_conformance.containers import RedisStorage
from nact_persistence_redis import engine_from_url

pytestmark = pytest.mark.anyio


@pytest.fixture
async def socket(server: RedisStorage) -> AsyncIterator[Path]:
    """Leads to the server, which has no file in common with us: it is in a container."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            writer.write(chunk)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(pass_on(reader, requests), pass_on(answers, writer))

    with TemporaryDirectory() as folder:  # pytest's names are too long for a socket's
        path = Path(folder, "redis.sock")
        async with await asyncio.start_unix_server(serve, path):
            yield path


async def test_a_server_is_reached_by_its_file(
    socket: Path, key: str, numbered: Callable[..., list[PersistedEvent]]
) -> None:
    events = numbered(key, 1, 3)
    async with engine_from_url(f"redis+unix://{socket}?protocol=3") as engine:
        await engine.persist_all(events)
        assert [event async for event in engine.events(key)] == events
