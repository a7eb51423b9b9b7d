"""Writes batches of snapshots, each in one statement, and an outcome for each snapshot."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from nact.errors import EngineUnavailableError, NactError
from nact.persistence.building.errors import copy_for_caller
from nact.persistence.building.group_commit import Outcome
from nact_persistence_postgres._connections.connection import Connection
from nact_persistence_postgres._connections.errors import RACED, Refused, refused
from nact_persistence_postgres._connections.retry import Attempts
from nact_persistence_postgres._connections.write_connection import WriteConnection
from nact_persistence_postgres._statements.rows import SnapshotRow, listed
from nact_persistence_postgres._statements.tables import Tables


class SnapshotWriter:
    """Puts snapshots in their places.

    Args:
        tables: The tables to write to.
        connection: The connection to write over.
    """

    def __init__(self, tables: Tables, connection: WriteConnection) -> None:
        self._tables = tables
        self._connection = connection

    async def write(self, rows: Sequence[SnapshotRow]) -> Sequence[Outcome]:
        """Stores the snapshots. One that is refused fails alone; of two for one place, the later one counts."""
        return await self._store(rows, self._connection.attempts())

    async def _store(self, rows: Sequence[SnapshotRow], attempts: Attempts) -> list[Outcome]:
        last = {row[:2]: row for row in rows}
        keys, numbers, times, texts, ids, metadata = zip(*last.values(), strict=True)
        values = keys, listed(numbers), listed(times), texts, ids, metadata

        async def put(connection: Connection) -> str:
            return await connection.execute(self._tables.put_snapshots, *values)

        try:
            await self._connection.run(put, attempts)
        except (*RACED, Refused) as error:
            if len(rows) == 1:
                return await self._store_again(rows, attempts, error)
            half = len(rows) // 2
            return await self._store(rows[:half], attempts) + await self._store(rows[half:], attempts)
        except NactError as error:
            return [copy_for_caller(error) for _ in rows]
        return [None] * len(rows)

    async def _store_again(self, rows: Sequence[SnapshotRow], attempts: Attempts, error: Exception) -> list[Outcome]:
        if isinstance(error, asyncpg.UniqueViolationError | Refused):  # not a race: places aren't unique
            what = f"snapshot {rows[0][1]} of key {rows[0][0]!r:.200}"
            return [refused(what, error, in_doubt=attempts.in_doubt, advice=self._tables.advice(error))]
        raced = EngineUnavailableError(f"others put snapshots of key {rows[0][0]!r:.200}: {error}")
        raced.__cause__ = error
        try:
            await attempts.again(raced)
        except NactError as final:
            return [copy_for_caller(final)]
        return await self._store(rows, attempts)
