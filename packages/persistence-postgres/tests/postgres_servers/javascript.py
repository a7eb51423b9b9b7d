"""Tables as nact for JavaScript makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import asyncpg

if TYPE_CHECKING:
    Database: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Database = asyncpg.Connection


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def make_old_tables(database: Database, schema: str, data: str = "jsonb") -> None:
    """The tables as nact for JavaScript makes them."""
    await database.execute(f"CREATE SCHEMA {quoted(schema)}")
    common = f"""ordering bigserial NOT NULL PRIMARY KEY, persistence_key varchar(255) NOT NULL,
      sequence_nr bigint NOT NULL, created_at bigint NOT NULL, data {data} NOT NULL,
      is_deleted boolean NOT NULL DEFAULT false"""
    await database.execute(f"""
      CREATE TABLE {quoted(schema)}.event_journal (
        {common}, tags text[] DEFAULT ARRAY[]::text[],
        CONSTRAINT event_journal_uq UNIQUE (persistence_key, sequence_nr));
      CREATE TABLE {quoted(schema)}.snapshot_store ({common});
      INSERT INTO {quoted(schema)}.event_journal (persistence_key, sequence_nr, created_at, data, tags)
        SELECT 'old', n, 1500000000000 + n, {data}_build_object('n', n), ARRAY['b', 'a'] FROM generate_series(1, 3) n;
      INSERT INTO {quoted(schema)}.snapshot_store (persistence_key, sequence_nr, created_at, data)
        VALUES ('old', 2, 1500000000002, '{{"sum": 3}}');
    """)
