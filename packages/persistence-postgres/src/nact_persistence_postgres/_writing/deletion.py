"""Deletes events for good, so that no number is used again: not even by a writer that was suspended meanwhile."""

from __future__ import annotations

import asyncio

import asyncpg

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence.building.errors import engine_unavailable
from nact_persistence_postgres._connections.connection import Connection, confirm
from nact_persistence_postgres._connections.runner import Runner
from nact_persistence_postgres._statements.rows import old_event_id
from nact_persistence_postgres._statements.sql import Statements
from nact_persistence_postgres._statements.tables import Tables

_DELETED_AT_ONCE = 5000
_LOCK_CLASS = 1_315_004_246
_PAUSE = 0.01
_ATTEMPTS = 100
"""Times that another deletion may be faster."""

_WRITERS = """
SELECT DISTINCT l.virtualtransaction FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = current_database()
WHERE l.locktype = 'relation' AND l.relation = to_regclass($1) AND l.mode = 'RowExclusiveLock' AND l.granted
"""


class Deletion:
    """One call of `delete_events`.

    First it announces itself by a tombstone in the place of the key's first event. Then it waits for the writers that
    were at work by then, as `CREATE INDEX CONCURRENTLY` does: they haven't seen the announcement, and one of them that
    knows an old state of the journal could take a number that others have used and that is deleted meanwhile. Then it
    removes some thousand events at a time. At any time the journal is deleted up to some number.

    Args:
        tables: The tables to delete from.
        runner: Runs the statements.
        patience: Seconds to wait for writers.
    """

    def __init__(self, tables: Tables, runner: Runner, patience: float) -> None:
        self._tables = tables
        self._runner = runner
        self._patience = patience

    async def run(self, key: str, up_to: int) -> None:
        async def to_delete(connection: Connection) -> asyncpg.Record | None:
            bounds = await connection.fetchrow(self._tables.sql.to_delete, key, up_to)
            if bounds is not None and bounds[2]:
                await confirm(connection)  # an earlier call may have done it, and not been told
            return bounds

        for _ in range(_ATTEMPTS):
            bounds = await self._runner.run(to_delete, self._runner.attempts(), writes=True)
            if bounds is None:
                return
            first, last, is_done = bounds
            if is_done:
                return
            if not await self._bury(key, first):
                continue  # another deletion was faster
            if first == last:
                return
            await wait_for_writers(
                self._runner,
                sql=self._tables.sql,
                patience=self._patience,
                otherwise="nothing but the first event is deleted yet, call delete_events again",
            )
            await self._bury_up_to(key, last)
            return
        raise self._stuck(key, outcome_known=True)

    async def _bury_up_to(self, key: str, last: int) -> None:
        before, stuck = 0, 0
        while (number := await self._bury_next(key, last)) < last:
            stuck = stuck + 1 if number <= before else 0
            if stuck == _ATTEMPTS:
                raise self._stuck(key, outcome_known=False)
            before = number

    def _stuck(self, key: str, *, outcome_known: bool) -> EngineUnavailableError:
        return engine_unavailable(
            f"{self._runner.name}: events of key {key!r:.200} stay, though the server reports no error; a trigger or "
            f"the row security of {self._tables.sql.events} keeps them",
            outcome_known=outcome_known,
        )

    async def _bury_next(self, key: str, last: int) -> int:
        async def next_to_bury(connection: Connection) -> int:
            return int(await connection.fetchval(self._tables.sql.next_to_bury, key, last, _DELETED_AT_ONCE))

        number = await self._runner.run(next_to_bury, self._runner.attempts())
        await self._bury(key, number)
        return number

    async def _bury(self, key: str, number: int) -> bool:
        """Puts a tombstone in the place of an event, and deletes those below. Returns false if there is no event."""
        sql = self._tables.sql

        async def bury(connection: Connection) -> bool:
            await take_turn(connection, sql)
            row = await connection.fetchrow(sql.take_out, key, number)
            if row is None:
                await confirm(connection)  # another deletion has buried it
                return False
            await connection.execute(sql.delete_below, key, number)
            event_id = row[1] or old_event_id(key, number)
            await connection.execute(sql.bury(self._tables.event_types), key, number, row[0], event_id)
            return True

        return await self._runner.run(bury, self._runner.attempts(), atomic=True)


async def take_turn(connection: Connection, sql: Statements) -> None:
    """Waits for other transactions that store tombstones, and has later ones wait for the end of this one.

    So tombstones are numbered in the order in which they become visible: see `Statements.last_deletion`.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", _LOCK_CLASS, sql.events)


async def wait_for_writers(runner: Runner, *, sql: Statements, patience: float, otherwise: str) -> None:
    """Returns when the transactions that write to the journal now have ended.

    Args:
        runner: Runs the statements.
        sql: Names the journal.
        patience: Seconds after which it gives up.
        otherwise: The state of things then, for the error.

    Raises:
        OutcomeUnknownError: One of them doesn't end.
    """

    async def writers(connection: Connection) -> set[str]:
        return {row[0] for row in await connection.fetch(_WRITERS, sql.events)}

    early = await runner.run(writers, runner.attempts())
    deadline = asyncio.get_running_loop().time() + patience
    while early:
        if asyncio.get_running_loop().time() > deadline:
            raise OutcomeUnknownError(
                f"{runner.name}: a transaction that writes to {sql.events} doesn't end; {otherwise}"
            )
        await asyncio.sleep(_PAUSE)
        early &= await runner.run(writers, runner.attempts())
