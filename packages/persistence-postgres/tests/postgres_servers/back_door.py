"""Changes a journal as a careless person with `psql` does."""

from __future__ import annotations

import json
from collections.abc import Callable

import asyncpg

from nact.persistence import PersistedEvent

UNREADABLE = r'"\ud800"'  # a JSON text, but half a character: not Unicode


class PostgresBackDoor:
    """Changes stored rows without the engine under test."""

    def __init__(self, url: Callable[[], str], schema: str) -> None:
        self._url = url
        self._schema = schema

    async def remove_event(self, key: str, sequence_number: int) -> None:
        await self._run(
            "DELETE FROM event_journal WHERE persistence_key = $1 AND sequence_nr = $2", key, sequence_number
        )

    async def garble_event(self, key: str, sequence_number: int) -> None:
        change = f"UPDATE event_journal SET data = '{UNREADABLE}' WHERE persistence_key = $1 AND sequence_nr = $2"
        await self._run(change, key, sequence_number)

    async def garble_metadata(self, key: str, sequence_number: int) -> None:
        change = f"UPDATE event_journal SET metadata = '{UNREADABLE}' WHERE persistence_key = $1 AND sequence_nr = $2"
        await self._run(change, key, sequence_number)

    async def garble_snapshot(self, key: str, sequence_number: int) -> None:
        change = f"UPDATE snapshot_store SET data = '{UNREADABLE}' WHERE persistence_key = $1 AND sequence_nr = $2"
        await self._run(change, key, sequence_number)

    async def plant_event(self, event: PersistedEvent) -> None:
        insert = (
            "INSERT INTO event_journal (persistence_key, sequence_nr, created_at, data, is_deleted, tags, event_id, "
            "metadata) VALUES ($1, $2, $3, $4::text::json, $5, $6, $7, $8::text::json)"
        )
        data = json.dumps(event.data)
        metadata = json.dumps(event.metadata) if event.metadata else None
        values = event.created_at, data, event.is_deleted, list(event.tags), event.event_id, metadata
        await self._run(insert, event.key, event.sequence_number, *values)

    async def empty(self) -> None:
        await self._run("TRUNCATE event_journal, snapshot_store")

    async def drop(self) -> None:
        await self._run("DROP TABLE event_journal, snapshot_store CASCADE")

    async def holds(self, text: str) -> bool:
        in_table = "EXISTS (SELECT FROM {0} WHERE strpos({0}::text, $1) > 0)"
        query = f"SELECT {in_table.format('event_journal')} OR {in_table.format('snapshot_store')}"
        connection = await self._connected()
        try:
            return bool(await connection.fetchval(query, text))
        finally:
            await connection.close()

    async def _run(self, statement: str, *arguments: object) -> None:
        connection = await self._connected()
        try:
            done = await connection.execute(statement, *arguments)
            assert done in {"DELETE 1", "UPDATE 1", "INSERT 0 1", "TRUNCATE TABLE", "DROP TABLE"}
        finally:
            await connection.close()

    async def _connected(self) -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(self._url(), server_settings={"search_path": self._schema})
