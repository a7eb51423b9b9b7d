"""The SQL of the README does what the README says."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pytest

from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import PostgresStorage
from nact_persistence_postgres import PostgresPersistenceEngine

pytestmark = pytest.mark.anyio

README = Path(__file__).parents[1] / "README.md"


async def test_the_privileges_that_the_readme_lists_are_enough(
    server: PostgresStorage,
    schema: str,
    database: asyncpg.Connection[asyncpg.Record],
    engine: PostgresPersistenceEngine,
) -> None:
    await engine.persist(PersistedEvent(key="k", sequence_number=1, data=1))
    role = f"reader_{schema[-8:]}"
    (grants,) = re.findall(
        r"^```sql[^\n]*\n(GRANT.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    quoted = '"' + schema.replace('"', '""') + '"'
    await database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'clerk'")
    await database.execute(
        grants.replace("SCHEMA journal", f"SCHEMA {quoted}").replace("journal.", f"{quoted}.").replace("clerk", role)
    )
    url = server.bare_url.replace("test:test@", f"{role}:clerk@")
    for create in (False, True):
        async with PostgresPersistenceEngine(url, schema=schema, create_if_not_exists=create) as clerk:
            number = await clerk.highest_sequence_number("k") + 1
            await clerk.persist(PersistedEvent(key="k", sequence_number=number, data=1))
            await clerk.take_snapshot(PersistedSnapshot(key="k", sequence_number=number, data=1))
            await clerk.delete_events("k", up_to=number - 1)
            await clerk.delete_snapshots("k", up_to=number - 1)
            assert [event.sequence_number async for event in clerk.events("k")] == [number - 1, number]
