"""PgBouncer in transaction mode between the engine and the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from testcontainers.core.container import DockerContainer

from nact.persistence import PersistedEvent
from nact_conformance.containers import PostgresStorage, image
from nact_conformance.containers.ports import free_port
from nact_persistence_postgres import PostgresPersistenceEngine

pytestmark = pytest.mark.anyio

IMAGE = image("TEST_PGBOUNCER_IMAGE")

SETTINGS = """
[databases]
test = host={address} port=5432 dbname=test user=test password=test
[pgbouncer]
listen_addr = 0.0.0.0
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_prepared_statements = 0
"""


@pytest.fixture
def pooler(server: PostgresStorage, tmp_path: Path) -> Iterator[str]:
    """The URL of a PgBouncer with four connections to the server, which knows nothing of prepared statements."""
    settings = SETTINGS.format(address=server.address)
    script = f"cat > /tmp/pgbouncer.ini <<'END'\n{settings}\nEND\nexec pgbouncer /tmp/pgbouncer.ini"
    port = free_port()
    container = DockerContainer(IMAGE, entrypoint="").with_command(["sh", "-c", script]).with_bind_ports(6432, port)
    with container:
        while True:
            try:
                asyncio.run(_answers(port))
                break
            except (OSError, asyncpg.PostgresError):
                container.get_wrapped_container().reload()
                assert container.get_wrapped_container().status == "running", container.get_logs()
        yield f"postgresql://test:test@127.0.0.1:{port}/test"


async def _answers(port: int) -> None:
    url = f"postgresql://test:test@127.0.0.1:{port}/test"
    connection = await asyncpg.connect(url, timeout=5, statement_cache_size=0)
    await connection.close()


async def test_many_engines_share_few_connections(pooler: str, schema: str) -> None:
    engines = [PostgresPersistenceEngine(pooler, schema=schema) for _ in range(8)]

    async def write(engine: PostgresPersistenceEngine, key: str) -> list[int]:
        for number in range(1, 21):
            await engine.persist(PersistedEvent(key=key, sequence_number=number, data={"n": number}))
        return [each.sequence_number async for each in engine.events(key)]

    writers = [write(engine, f"{place}-{writer}") for place, engine in enumerate(engines) for writer in range(5)]
    assert await asyncio.gather(*writers) == [list(range(1, 21))] * 40
    await engines[0].delete_events("0-0", up_to=7)
    assert [each.sequence_number async for each in engines[1].events("0-0")] == list(range(7, 21))
    for engine in engines:
        await engine.aclose()


async def test_a_pooler_is_found_out(pooler: str, server: PostgresStorage, schema: str) -> None:
    for url, expected in ((pooler, True), (server.bare_url, False)):
        async with PostgresPersistenceEngine(url, schema=schema) as engine:
            assert (await engine._life.opened()).sessions.is_pooled is expected
