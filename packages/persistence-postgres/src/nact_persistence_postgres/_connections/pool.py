"""The engine's connections: made, lent, given back, and replaced when they break or were given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import asyncpg

from nact.errors import EngineClosedError, EngineUnavailableError
from nact_persistence_postgres._addresses.dsn import Dsn
from nact_persistence_postgres._addresses.hosts import connect
from nact_persistence_postgres._connections.connection import (
    Connection,
    Lease,
    OwnConnection,
    Pool,
    PooledConnection,
    in_transaction,
    terminate,
)
from nact_persistence_postgres._connections.contention import Contention
from nact_persistence_postgres._connections.errors import OtherLoopError, is_answer, keeps_connection, translated
from nact_persistence_postgres._connections.fence import Fence, end_holders, new_mark, pause
from nact_persistence_postgres._connections.retry import Attempts
from nact_persistence_postgres._connections.server_limits import ServerLimits
from nact_persistence_postgres._settings import Settings

_LEAST_TO_CONNECT = 3.0  # a busy server takes its time, however short the patience with one that refuses
_TO_CLOSE = 5.0
_STALE_AT_ONCE = 100
"""Connections of the user's pool that don't answer are ended, up to this many for one use: then it makes new ones."""


class ConnectionPool:
    """Lends connections: the engine's own, or those of the user's pool.

    Args:
        source: A URL, or the user's pool.
        settings: The engine's arguments.

    Attributes:
        has_pooler: A pooler such as PgBouncer stands between, so that only a transaction has one server connection.
        needs_transactions: Each statement has to be a transaction of its own, for that reason.
        has_standby: Commits wait for a standby. The server says so when one of the engine's own connections is made.
    """

    def __init__(self, source: Dsn | Pool, settings: Settings) -> None:
        self._dsn = source if isinstance(source, Dsn) else None
        self._pool = None if isinstance(source, Dsn) else source
        self._settings = settings
        self._limits = ServerLimits(settings.timeout)
        self._silent_at: float | None = None
        self.name = settings.name
        self.timeout = settings.timeout
        self.is_own = isinstance(source, Dsn)
        self.is_closing = False
        self.has_pooler = False
        self.needs_transactions = False
        self.has_standby = False
        self.fence = Fence()
        self.contention = Contention()
        self.contention.pool = self._pool

    @property
    def keeps_settings(self) -> bool:
        """Whether settings of a session stay, and concern the engine alone."""
        return self.is_own and not self.has_pooler

    @property
    def keeps_statements(self) -> bool:
        """Whether a prepared statement can be run later on, outside of the transaction that prepared it."""
        return self.is_own and not self.needs_transactions

    # --- opening and closing -----------------------------------------------------------------------------------

    @asynccontextmanager
    async def first_connection(self, attempts: Attempts) -> AsyncIterator[Connection]:
        """A connection for opening: without time limits, and, unless it is the user's, without prepared statements.

        Raises:
            EngineUnavailableError: There is none.
            OtherLoopError: The pool belongs to another event loop.
        """
        if self._dsn is None:
            _check_loop(self._pool)
            lease = await self.take(attempts)
            try:
                yield lease.connection
            except BaseException as error:
                if not keeps_connection(error):
                    terminate(lease.connection)
                raise
            finally:
                await self.give_back(lease)
            return
        with translated(self.name, connecting=True):
            mine = await connect(
                self._dsn.hosts,
                ssl=self._settings.ssl,
                timeout=self._connect_timeout(),
                statement_cache_size=0,
            )
        try:
            yield mine
        finally:
            mine.terminate()

    async def open(self, *, has_pooler: bool, most: int | None = None) -> None:
        """Makes the pool, without connecting, unless the user gave one.

        Args:
            has_pooler: See the attribute.
            most: How many connections the server allows, if it said so.
        """
        cache = self._settings.statement_cache_size
        self.has_pooler = has_pooler
        # A statement cache that was asked for says that the pooler, if there is one, knows of prepared statements.
        self.needs_transactions = has_pooler and not cache
        if self._dsn is None:
            return
        allowed = self._settings.max_connections
        self.contention.pool = self._pool = await asyncpg.create_pool(
            self._dsn.text,
            connect=cast("Any", self._connect),  # the stubs want each argument of asyncpg's own
            min_size=0,
            max_size=allowed if most is None else max(1, min(allowed, most)),
            connection_class=OwnConnection,
            ssl=self._settings.ssl,
            timeout=self._connect_timeout(),
            statement_cache_size=(0 if has_pooler else 100) if cache is None else cache,
        )

    async def aclose(self) -> None:
        """Closes the pool, if the engine made it: in good order at first, and then by force."""
        self.is_closing = True
        if self._dsn is None or self._pool is None:
            return
        pool, self._pool = self._pool, None
        try:
            await asyncio.wait_for(pool.close(), timeout=_TO_CLOSE)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pool.terminate()
        except BaseException:
            pool.terminate()
            raise

    def closed(self) -> EngineClosedError:
        """The error of a call that comes too late."""
        return EngineClosedError(f"{self.name}: the engine was closed; make a new one")

    # --- lending -----------------------------------------------------------------------------------------------

    async def take(self, attempts: Attempts, *, writes: bool = False, keeps: bool = False) -> Lease:
        """Takes a connection from the pool, to be given back. Statements that were given up before have ended by then.

        Args:
            attempts: Limit the time.
            writes: The work on it may change the tables.
            keeps: It isn't given back after each use, but when `contention` asks for it.

        Raises:
            EngineUnavailableError: There is none.
            EngineClosedError: The engine was closed.
        """
        for _ in range(_STALE_AT_ONCE):
            lease = Lease(await self._acquired(attempts), writes=writes, keeps=keeps)
            if not keeps:
                self.contention.lend()
            if await self._is_trusted(lease.connection, attempts):
                break
            terminate(lease.connection)
            await self.give_back(lease)
        else:
            raise EngineUnavailableError(f"{self.name}: no connection answers")
        if self.fence.is_needed:
            try:
                await self.end_abandoned(lease, attempts)
            except BaseException:
                await self.give_back(lease)
                raise
        return lease

    async def give_back(self, lease: Lease) -> None:
        """Ends the use of a connection, also of a broken one."""
        lease.end()
        if not lease.keeps:
            self.contention.take_back()
        connection = lease.connection
        if self._pool is None:
            terminate(connection)
            return
        try:
            await self._pool.release(connection, timeout=self.timeout)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            terminate(connection)  # it broke while it was reset; its work is done

    def abandon(self, lease: Lease, error: BaseException | None) -> None:
        """Terminates a connection whose statement may still run at the server."""
        terminate(lease.connection)
        if isinstance(error, TimeoutError):
            self._silent_at = asyncio.get_running_loop().time()
        if lease.mark is not None and not is_answer(error):
            self.fence.give_up(lease.mark)

    async def end_abandoned(self, lease: Lease, attempts: Attempts) -> None:
        """Returns when no statement that was abandoned can take effect any more.

        Raises:
            EngineUnavailableError: That isn't certain yet.
        """
        marks = self.fence.marks
        look = partial(end_holders, marks=marks)
        try:
            with translated(self.name, connecting=True):
                async with asyncio.timeout(attempts.time_for_one(self.timeout)):
                    while await (
                        in_transaction(lease.connection, "BEGIN", look)
                        if self.needs_transactions
                        else look(lease.connection)
                    ):
                        await pause()
        except BaseException as error:
            cause = error.__cause__ if isinstance(error, EngineUnavailableError) else error
            if not keeps_connection(cause):
                terminate(lease.connection)
            raise
        self.fence.close(marks)

    async def _acquired(self, attempts: Attempts) -> PooledConnection:
        if self._pool is None or self.is_closing:
            raise self.closed()
        with translated(self.name, connecting=True), self.contention.waiting():
            return await self._pool.acquire(timeout=attempts.time_for_one(self.timeout))

    async def _is_trusted(self, connection: PooledConnection, attempts: Attempts) -> bool:
        """False for a connection as old as one that went silent: the cause may have silenced all of them."""
        made_at: float | None = getattr(connection, "made_at", None)
        if made_at is not None:
            return self._silent_at is None or made_at > self._silent_at
        if not attempts.was_silent:
            return True
        try:
            async with asyncio.timeout(attempts.time_for_one(self.timeout) / 2):
                await connection.execute("SELECT 1")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return False
        return True

    # --- connecting --------------------------------------------------------------------------------------------

    async def _connect(self, dsn: str, *, timeout: float, **arguments: Any) -> Connection:
        connection = await connect(self._dsn.hosts if self._dsn else [dsn], timeout=timeout, **arguments)
        if isinstance(connection, OwnConnection) and self.keeps_settings:
            mark = new_mark()
            try:
                async with asyncio.timeout(timeout):
                    self.has_standby = bool(await connection.fetchval(self._limits.for_session(mark)))
            except BaseException:
                connection.terminate()
                raise
            connection.mark = mark
        return connection

    def _connect_timeout(self) -> float:
        if self._dsn is not None and self._dsn.connect_timeout is not None:
            return self._dsn.connect_timeout * len(self._dsn.hosts)
        return max(_LEAST_TO_CONNECT, self._settings.retry_for)


def _check_loop(pool: Pool | None) -> None:
    loop = getattr(pool, "_loop", None)  # asyncpg tells it in no other way
    if loop is not None and loop is not asyncio.get_running_loop():
        raise OtherLoopError("the given pool belongs to another event loop; make a pool, and an engine, for each loop")
