"""Connections: taken, given back, replaced when they break. Every statement of the engine runs through here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from nact.errors import EngineUnavailableError
from nact_persistence_postgres._errors import keeps_connection, may_pass, translated
from nact_persistence_postgres._hosts import connect
from nact_persistence_postgres._settings import Settings

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    PooledConnection: TypeAlias = PoolConnectionProxy[asyncpg.Record]
    _Base: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Pool, Connection, PooledConnection = asyncpg.Pool, asyncpg.Connection, PoolConnectionProxy
    _Base = asyncpg.Connection

T = TypeVar("T")
_LONGEST_PAUSE = 0.5
_LEAST_TO_CONNECT = 3.0  # a busy server takes its time, however short the patience with one that refuses


class _PlainConnection(_Base):
    """Is given back to the pool without a round trip: the engine leaves nothing behind that had to be reset."""

    def get_reset_query(self) -> str:
        return ""


class Trying:
    """One piece of work that may need several attempts: for how long, and whether an earlier one may have succeeded."""

    def __init__(self, patience: float, *, in_doubt: bool = False) -> None:
        self._patience = patience
        self._deadline = asyncio.get_running_loop().time() + patience if in_doubt else None
        self._pause = 0.0
        self._in_doubt = in_doubt

    async def again(self, error: EngineUnavailableError) -> None:
        """Returns when it is time for the next attempt.

        Raises:
            EngineUnavailableError: There shouldn't be one.
        """
        self._in_doubt |= not error.outcome_known
        now = asyncio.get_running_loop().time()
        self._deadline = now + self._patience if self._deadline is None else self._deadline
        if not may_pass(error.__cause__) or now >= self._deadline:
            raise EngineUnavailableError(error.message, outcome_known=not self._in_doubt) from error.__cause__
        await asyncio.sleep(min(self._pause, self._deadline - now))
        self._pause = min(2 * self._pause + 0.01, _LONGEST_PAUSE)

    def time_left(self, most: float) -> float:
        if self._deadline is None:
            return most
        return min(most, max(1.0, self._deadline - asyncio.get_running_loop().time()))


class Sessions:
    """The engine's connections, its own or those of the user's pool.

    Args:
        source: A DSN, or the pool.
        settings: What the engine was told.
    """

    def __init__(self, source: str | Pool, settings: Settings) -> None:
        self._dsn = source if isinstance(source, str) else None
        self._pool = None if isinstance(source, str) else source
        self._settings = settings
        self.name = settings.name
        self.owns_pool = isinstance(source, str)
        self.is_pooled = False
        """Whether a pooler such as PgBouncer stands between, so that only a transaction has one server connection."""
        self._needs_transactions = False

    @property
    def keeps_settings(self) -> bool:
        """Whether what is set for a session stays set, and is nobody else's."""
        return self.owns_pool and not self.is_pooled

    @property
    def keeps_statements(self) -> bool:
        """Whether what is prepared in a session can be run later on, outside of a transaction."""
        return self.owns_pool and not self._needs_transactions

    @property
    def statement_timeout(self) -> float:
        return self._settings.statement_timeout

    def trying(self, *, in_doubt: bool = False) -> Trying:
        """What is begun, or, `in_doubt`, was begun in another way, so that it may have succeeded."""
        return Trying(self._settings.reconnect_timeout, in_doubt=in_doubt)

    @asynccontextmanager
    async def first_connection(self) -> AsyncIterator[Connection]:
        """A connection for opening: without time limits, and, unless it is the pool's, without prepared statements.

        Raises:
            EngineUnavailableError: There is none.
        """
        if self._dsn is None:
            async with self.connection(self.trying()) as connection:
                yield connection
            return
        with translated(self.name, connecting=True):
            mine = await connect(
                self._dsn,
                ssl=self._settings.ssl,
                timeout=self._connect_timeout(),
                statement_cache_size=0,
            )
        try:
            yield mine
        finally:
            mine.terminate()

    async def open(self, *, is_pooled: bool) -> None:
        """Makes the pool, without connecting, unless the user gave one."""
        cache = self._settings.statement_cache_size
        self.is_pooled = is_pooled
        # A statement cache that was asked for says that the pooler, if there is one, knows of prepared statements.
        self._needs_transactions = is_pooled and not cache
        if self._dsn is None:
            return
        self._pool = await asyncpg.create_pool(
            self._dsn,
            connect=cast("Any", connect),  # the stubs want each argument of asyncpg's own
            min_size=0,
            max_size=self._settings.max_connections,
            connection_class=_PlainConnection,
            ssl=self._settings.ssl,
            timeout=self._connect_timeout(),
            statement_cache_size=(0 if is_pooled else 100) if cache is None else cache,
        )

    async def aclose(self) -> None:
        """Closes the pool, if the engine made it: in good order at first, and then by force."""
        if self._dsn is None or self._pool is None:
            return
        pool, self._pool = self._pool, None
        try:
            await asyncio.wait_for(pool.close(), timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pool.terminate()
        except BaseException:
            pool.terminate()
            raise

    async def run(self, work: Callable[[Connection], Awaitable[T]], trying: Trying) -> T:
        """What `work` returns. It is one transaction, and is done again when a connection broke: it must be idempotent.

        Raises:
            EngineUnavailableError: There is no connection, or it broke, for longer than the reconnect timeout.
        """
        while True:
            try:
                async with self.connection(trying) as connection:
                    return await self.statement(connection, work, trying)
            except EngineUnavailableError as error:
                await trying.again(error)

    async def statement(self, connection: Connection, work: Callable[[Connection], Awaitable[T]], trying: Trying) -> T:
        """What `work` returns, within the statement timeout. A connection that isn't as good as before is ended.

        Raises:
            EngineUnavailableError: See `translated`.
        """
        try:
            with translated(self.name):
                async with asyncio.timeout(trying.time_left(self._settings.statement_timeout)):
                    return await (_in_transaction(connection, work) if self._needs_transactions else work(connection))
        except BaseException as error:
            driver_error = error.__cause__ if isinstance(error, EngineUnavailableError) else error
            if not isinstance(driver_error, Exception) or not keeps_connection(driver_error):
                end(connection)
            raise

    @asynccontextmanager
    async def connection(self, trying: Trying) -> AsyncIterator[PooledConnection]:
        """A connection from the pool.

        Raises:
            EngineUnavailableError: There is none.
        """
        connection = await self.take(trying)
        try:
            yield connection
        finally:
            await self.give_back(connection)

    async def take(self, trying: Trying) -> PooledConnection:
        """A connection from the pool, to be given back.

        Raises:
            EngineUnavailableError: There is none.
        """
        if self._pool is None:
            raise EngineUnavailableError(f"{self.name}: the engine is closing", outcome_known=True)
        with translated(self.name, connecting=True):
            return await self._pool.acquire(timeout=trying.time_left(self._settings.statement_timeout))

    async def give_back(self, connection: PooledConnection) -> None:
        """Ends the use of a connection, also of a broken one."""
        if self._pool is None:
            end(connection)
            return
        try:
            await self._pool.release(connection, timeout=self._settings.statement_timeout)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            end(connection)  # it broke while it was reset; what was done on it is done

    def _connect_timeout(self) -> float:
        return max(_LEAST_TO_CONNECT, self._settings.reconnect_timeout)


async def _in_transaction(connection: Connection, work: Callable[[Connection], Awaitable[T]]) -> T:
    transaction = connection.transaction()
    await transaction.start()
    try:
        result = await work(connection)
    except asyncpg.PostgresError as error:
        if keeps_connection(error):
            await transaction.rollback()
        raise
    await transaction.commit()
    return result


def end(connection: Connection) -> None:
    """Closes the connection at once, also one that broke, which its pool then has taken back already."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


def is_usable(connection: PooledConnection) -> bool:
    """False for a connection that broke or was ended, which its pool then has taken back."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False
