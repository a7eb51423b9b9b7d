"""The connection that writes: kept from one batch to the next, since taking one from a pool costs time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import asyncpg

from nact.errors import EngineUnavailableError
from nact_persistence_postgres._connections.connection import Connection, Lease, is_usable
from nact_persistence_postgres._connections.errors import is_answer, keeps_connection
from nact_persistence_postgres._connections.fence import new_mark, take_mark
from nact_persistence_postgres._connections.pool import ConnectionPool
from nact_persistence_postgres._connections.retry import Attempts
from nact_persistence_postgres._connections.runner import Runner
from nact_persistence_postgres._connections.taskless import Timer, step

if TYPE_CHECKING:
    PreparedStatement: TypeAlias = asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]
else:
    PreparedStatement = asyncpg.prepared_stmt.PreparedStatement

T = TypeVar("T")

_PLAN_ONCE = "SET plan_cache_mode = force_generic_plan"
"""Postgres would plan a statement with arrays anew each time, which takes as long as inserting some ten rows."""

_LINGER = 0.05
"""Seconds for which a connection of the user's pool is kept, in case that there is another write."""


class WriteConnection:
    """One connection, for one write at a time. Replaced when it breaks; one of the user's pool is given back when idle.

    Args:
        pool: Lends the connection.
        runner: Runs what isn't the statement of a lone write.
        statement: Of a lone write: `start` runs it.
    """

    def __init__(self, pool: ConnectionPool, runner: Runner, statement: str | None = None) -> None:
        self._pool = pool
        self._runner = runner
        self._statement = statement
        self._lease: Lease | None = None
        self._prepared: PreparedStatement | None = None
        self._timer = Timer(pool.timeout, self._timed_out)
        self._lingering: asyncio.TimerHandle | None = None
        self._giving_back: asyncio.Task[None] | None = None
        self._is_busy = False
        pool.contention.add_writer(self._release_if_idle)

    def attempts(self, *, in_doubt: bool = False) -> Attempts:
        """See `Runner.attempts`."""
        return self._runner.attempts(in_doubt=in_doubt)

    def start(self, values: Sequence[object], answered: Callable[[str | None], None]) -> bool:
        """Begins the statement of a lone write in the least time: without a task, on a connection known to be good.

        Later it calls `answered`: with the command tag, with an empty text if the statement certainly failed, or with
        `None` if it may have been done or not.

        Returns:
            False if that isn't possible: nothing was begun.
        """
        prepared, lease = self._prepared, self._lease
        if prepared is None or lease is None or not is_usable(lease.connection) or self._pool.fence.is_needed:
            return False
        self._timer.begin()
        self._is_busy = True

        def finished(error: BaseException | None) -> None:
            self._timer.end()
            self._is_busy = False
            if self._pool.contention.is_wanted:
                self._release()
            if error is None and not lease.is_unconfirmed:
                answered(prepared.get_statusmsg())
                return
            if not keeps_connection(error):
                self._pool.abandon(lease, error)
            answered("" if is_answer(error) else None)

        has_begun = step(prepared.fetch(*values), finished)
        if not has_begun:
            self._timer.end()
            self._is_busy = False
        return has_begun

    async def run(self, work: Callable[[Connection], Awaitable[T]], attempts: Attempts) -> T:
        """Returns the result of the work, as `Runner.run` does, on this connection."""
        self._stop_lingering()
        self._is_busy = True
        try:
            while True:
                try:
                    lease = await self._usable(attempts)
                    return await self._runner.statement(lease, work, attempts)
                except EngineUnavailableError as error:
                    await attempts.again(error)
        finally:
            self._is_busy = False
            if self._pool.contention.is_wanted:
                self._release()
            elif not self._pool.is_own:
                self._lingering = asyncio.get_running_loop().call_later(_LINGER, self._release)

    async def aclose(self) -> None:
        """Gives the connection back. Can be called again."""
        self._stop_lingering()
        self._timer.cancel()
        self._release()
        if self._giving_back is not None:
            await asyncio.wait([self._giving_back])

    async def _usable(self, attempts: Attempts) -> Lease:
        if self._lease is not None and not is_usable(self._lease.connection):
            broken, self._lease = self._lease, None
            await self._pool.give_back(broken)
        if self._lease is None:
            taken = await self._pool.take(attempts, writes=True, keeps=True)
            self._lease = await self._made_ready(taken, attempts)
        elif self._pool.fence.is_needed:
            await self._pool.end_abandoned(self._lease, attempts)
        return self._lease

    async def _made_ready(self, lease: Lease, attempts: Attempts) -> Lease:
        self._prepared = None
        try:
            if self._pool.keeps_settings or self._pool.keeps_statements:
                self._prepared = await self._runner.statement(lease, self._prepare, attempts)
            elif not self._pool.has_pooler:
                lease.mark = new_mark()  # until the connection goes back: its pool resets it then
                await self._runner.statement(lease, partial(take_mark, lease.mark), attempts)
        except BaseException:
            await self._pool.give_back(lease)
            raise
        return lease

    async def _prepare(self, connection: Connection) -> PreparedStatement | None:
        if self._pool.keeps_settings:
            await connection.execute(_PLAN_ONCE)
        if self._statement is None or not self._pool.keeps_statements:
            return None
        return await connection.prepare(self._statement)

    def _timed_out(self) -> None:
        if self._lease is not None:
            self._pool.abandon(self._lease, TimeoutError())

    def _stop_lingering(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None

    def _release_if_idle(self) -> None:
        if not self._is_busy:
            self._stop_lingering()
            self._release()

    def _release(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            self._giving_back = asyncio.create_task(self._pool.give_back(lease), name="nact postgres give back")
