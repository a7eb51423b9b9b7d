"""Runs work on connections of the pool: within a time limit, in a transaction where needed, and again on failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nact.errors import EngineUnavailableError
from nact_persistence_postgres._connections.connection import Connection, Lease, in_transaction
from nact_persistence_postgres._connections.errors import (
    RACED,
    Refused,
    keeps_connection,
    translated,
    unavailable,
    unconfirmed,
)
from nact_persistence_postgres._connections.fence import new_mark
from nact_persistence_postgres._connections.pool import ConnectionPool
from nact_persistence_postgres._connections.retry import Attempts
from nact_persistence_postgres._connections.server_limits import ServerLimits

T = TypeVar("T")


class Runner:
    """Runs statements; all of the engine's, after it opened, run through here or through `WriteConnection`.

    Args:
        pool: Lends the connections.
        retry_for: Seconds for which work is tried again.
    """

    def __init__(self, pool: ConnectionPool, retry_for: float) -> None:
        self._pool = pool
        self._retry_for = retry_for
        self._limits = ServerLimits(pool.timeout)
        self.name = pool.name

    @property
    def has_standby(self) -> bool:
        """Whether commits wait for a standby."""
        return self._pool.has_standby

    def attempts(self, *, in_doubt: bool = False) -> Attempts:
        """The attempts at a new piece of work. `in_doubt`: it was tried in another way, and may have succeeded."""
        return Attempts(self._retry_for, in_doubt=in_doubt)

    async def run(
        self,
        work: Callable[[Connection], Awaitable[T]],
        attempts: Attempts,
        *,
        writes: bool = False,
        atomic: bool = False,
    ) -> T:
        """Returns the result of the work, which is one transaction. It is repeated when a connection broke.

        Args:
            work: Runs one statement, or several if it is `atomic`. Has to be idempotent.
            attempts: Limit how often it is tried.
            writes: It may change the tables.
            atomic: It writes, in several statements, and these are one transaction.

        Raises:
            EngineUnavailableError: There was no connection, or it broke, for longer than `retry_for`.
            InvalidEventError: The database's encoding lacks a character of what is asked for.
            EngineClosedError: The engine was closed meanwhile, and didn't wait for this any longer.
        """
        while True:
            try:
                lease = await self._pool.take(attempts, writes=writes or atomic)
                try:
                    return await self.statement(lease, work, attempts, atomic=atomic)
                except (*RACED, Refused) as error:
                    told = unavailable(self.name, error)
                    raise told from told.__cause__
                finally:
                    await self._pool.give_back(lease)
            except EngineUnavailableError as error:
                if self._pool.is_closing:
                    raise self._pool.closed() from error
                await attempts.again(error)

    async def statement(
        self, lease: Lease, work: Callable[[Connection], Awaitable[T]], attempts: Attempts, *, atomic: bool = False
    ) -> T:
        """Returns the result of the work, within the time limit. Terminates a connection that isn't as good as before.

        Raises:
            EngineUnavailableError, Refused: See `translated`.
        """
        own_mark = lease.mark
        try:
            with translated(self.name):
                async with asyncio.timeout(attempts.time_for_one(self._pool.timeout)):
                    result = await self._done(lease, work, atomic=atomic)
            if lease.is_unconfirmed:
                raise unconfirmed(self.name)
        except BaseException as error:
            driver_error = error.__cause__ if isinstance(error, EngineUnavailableError | Refused) else error
            if not isinstance(driver_error, Exception) or not keeps_connection(driver_error):
                self._pool.abandon(lease, driver_error)
            raise
        finally:
            lease.mark = own_mark
        return result

    async def _done(self, lease: Lease, work: Callable[[Connection], Awaitable[T]], *, atomic: bool) -> T:
        pool = self._pool
        has_mark = lease.mark is not None
        needs_mark = lease.writes and not has_mark and (atomic or pool.needs_transactions or not pool.has_pooler)
        if not (atomic or pool.needs_transactions or needs_mark):
            return await work(lease.connection)
        if needs_mark:
            lease.mark = new_mark()
        begin = self._limits.for_transaction(lease.mark if needs_mark else None)
        return await in_transaction(lease.connection, begin, work)
