"""The tables: nact's, made by its engine, in a schema for each sample or case."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

import asyncpg
import msgspec

from benchmarks import persisting
from benchmarks.load import KEY, MESSAGE
from benchmarks.model import Run
from nact.persistence.records import now_ms
from nact_persistence_postgres import PostgresPersistenceEngine

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection, Pool = asyncpg.Connection, asyncpg.Pool

Row: TypeAlias = tuple[str, int, int, str, list[str], str]

FULL = "filled"
COLUMNS = ("persistence_key", "sequence_nr", "created_at", "data", "tags", "event_id")
INSERT = """
INSERT INTO event_journal (persistence_key, sequence_nr, created_at, data, tags, event_id)
VALUES ($1, $2, $3, $4, $5, $6)
"""
INSERT_MANY = """
INSERT INTO event_journal (persistence_key, sequence_nr, created_at, data, tags, event_id)
SELECT key, number, created_at, data::json, '{}', event_id
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])
AS g(key, number, created_at, data, event_id)
"""
SELECT = """
SELECT sequence_nr, data, created_at, is_deleted, tags, event_id FROM event_journal
WHERE persistence_key = $1 AND sequence_nr > $2 ORDER BY sequence_nr LIMIT $3
"""


@asynccontextmanager
async def empty(run: Run) -> AsyncIterator[str]:
    """The name of a new schema with tables without rows, dropped in the end."""
    schema = f"sample_{uuid4().hex}"
    async with PostgresPersistenceEngine(run.server, schema=schema):
        pass
    try:
        yield schema
    finally:
        async with connected(run) as connection:
            await connection.execute(f"DROP SCHEMA {schema} CASCADE")


async def fill(run: Run) -> None:
    """Makes the schema `FULL`, with `run.n` events of one key, unless an earlier case did."""
    async with PostgresPersistenceEngine(run.server, schema=FULL) as engine:
        if await engine.highest_sequence_number(KEY) == 0:
            await persisting.fill(engine, run.n)
    async with connected(run) as connection:
        await connection.execute("VACUUM ANALYZE")


@asynccontextmanager
async def connected(run: Run, schema: str = "public") -> AsyncIterator[Connection]:
    """A connection that looks into the schema."""
    connection = await asyncpg.connect(run.server, server_settings={"search_path": schema})
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def pooled(run: Run, schema: str, size: int) -> AsyncIterator[Pool]:
    """So many connections that look into the schema, and reset nothing between their users."""
    settings = {"search_path": schema}
    async with asyncpg.create_pool(
        run.server, min_size=size, max_size=size, server_settings=settings, reset=_nothing
    ) as pool:
        yield pool


async def _nothing(_connection: object) -> None:
    """A reset is a round trip."""


def row(key: str, number: int) -> Row:
    """A row like the engine's. It is made while the clock runs, for nact can't make it earlier either."""
    return key, number, now_ms(), msgspec.json.encode(MESSAGE).decode(), [], str(uuid4())


def columns(rows: list[Row]) -> list[tuple[object, ...]]:
    """The arguments of `INSERT_MANY`."""
    key, number, created_at, data, _, event_id = zip(*rows, strict=True)
    return [key, number, created_at, data, event_id]
