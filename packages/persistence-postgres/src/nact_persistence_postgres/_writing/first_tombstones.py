"""Stores the tombstone with which a journal may begin: the copy of a journal whose beginning was deleted.

The first record of a key is number 1 or a tombstone of any number, and the unique key decides between records of one
number only. So a tombstone takes number 1 as well, by a second row in the same statement, the *placeholder*: any other
first record meets it there. The placeholder is removed when the writers that haven't seen the tombstone
have ended, as events are in a deletion. If the process dies before, it stays until the same tombstone is persisted
again. Until then the journal holds two tombstones, which is valid.
"""

from __future__ import annotations

from functools import partial

from nact.errors import EngineUnavailableError, OutcomeUnknownError, SequenceConflictError
from nact_persistence_postgres._connections.connection import Connection, confirm
from nact_persistence_postgres._connections.runner import Runner
from nact_persistence_postgres._statements.rows import EventRow
from nact_persistence_postgres._statements.tables import Tables
from nact_persistence_postgres._writing.deletion import take_turn, wait_for_writers


class FirstTombstones:
    """Writes tombstones that begin a journal, each in a transaction of its own.

    Args:
        tables: The tables to write to.
        runner: Runs the statements.
        patience: Seconds to wait for writers.
    """

    def __init__(self, tables: Tables, runner: Runner, patience: float) -> None:
        self._tables = tables
        self._runner = runner
        self._patience = patience

    async def write(self, row: EventRow) -> None:
        """Stores the tombstone, or finds it stored.

        Raises:
            SequenceConflictError: The key has another record.
            EngineUnavailableError: Nothing was stored.
            OutcomeUnknownError: It may be stored.
        """
        key, number, *_ = row
        if number > 1 and not self._tables.may_delete_events:
            raise EngineUnavailableError(
                f"{self._runner.name}: its role may not delete rows of {self._tables.sql.events}, as it has to where "
                "a tombstone begins a journal"
            )
        attempts = self._runner.attempts()
        highest = await self._runner.run(partial(self._begin, row), attempts, atomic=True)
        if highest is None:
            await self._remove_placeholder(row)
        elif attempts.in_doubt and highest >= number:
            raise OutcomeUnknownError(f"tombstone {number} of key {key!r:.200} may have been stored, and deleted since")
        else:
            raise SequenceConflictError(key, number, highest)

    async def _begin(self, row: EventRow, connection: Connection) -> int | None:
        """Stores the tombstone, or returns the highest number of a key that has another record."""
        key, number, created_at, _, _, event_id, _ = row
        await take_turn(connection, self._tables.sql)
        if await connection.execute(self._tables.begin, key, number, created_at, event_id) != "INSERT 0 0":
            return None
        ((found, stored_id, highest),) = await connection.fetch(self._tables.sql.states, [key], str(number))
        if not found or stored_id != event_id:
            return int(highest)
        await confirm(connection)  # an earlier call may have stored it, and not been told
        return None

    async def _remove_placeholder(self, row: EventRow) -> None:
        key, number, *_ = row
        if number == 1:
            return
        sql, event_id = self._tables.sql, row[5]

        async def has_placeholder(connection: Connection) -> bool:
            return bool(await connection.fetchval(sql.has_placeholder, key, number, event_id))

        async def remove(connection: Connection) -> None:
            await connection.execute(sql.remove_placeholder, key, number, event_id)

        try:
            if await self._runner.run(has_placeholder, self._runner.attempts()):
                await wait_for_writers(
                    self._runner,
                    sql=sql,
                    patience=self._patience,
                    otherwise=f"the tombstone of key {key!r:.200} is stored with a deleted event 1, persist it again",
                )
                await self._runner.run(remove, self._runner.attempts(), writes=True)
        except EngineUnavailableError as error:
            raise OutcomeUnknownError(error.message) from error.__cause__
