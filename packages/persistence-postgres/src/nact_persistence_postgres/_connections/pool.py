"""Connections: taken, given back, replaced when they break. Every statement of the engine runs through here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar, cast

import asyncpg

from nact.errors import EngineClosedError, EngineUnavailableError
from nact_persistence_postgres._connections.connection import (
    Connection,
    OwnConnection,
    Pool,
    PooledConnection,
    Session,
    end,
    in_transaction,
)
from nact_persistence_postgres._connections.contention import Room
from nact_persistence_postgres._connections.dsn import Dsn
from nact_persistence_postgres._connections.errors import (
    RACED,
    OtherLoopError,
    Refused,
    is_answer,
    keeps_connection,
    translated,
    unavailable,
    unconfirmed,
)
from nact_persistence_postgres._connections.fence import Fence, Limits, end_holders, new_mark, pause
from nact_persistence_postgres._connections.hosts import connect
from nact_persistence_postgres._connections.retry import Trying
from nact_persistence_postgres._settings import Settings
from nact_persistence_postgres._statements.sql import CONFIRM

T = TypeVar("T")
_LEAST_TO_CONNECT = 3.0  # a busy server takes its time, however short the patience with one that refuses
_TO_CLOSE = 5.0
_STALE_AT_ONCE = 100  # connections of a pool that answer no more: it may have so many, and makes new ones then


class Sessions:
    """The engine's connections, its own or those of the user's pool.

    Args:
        source: A URL, or the pool.
        settings: What the engine was told.
    """

    def __init__(self, source: Dsn | Pool, settings: Settings) -> None:
        self._dsn = source if isinstance(source, Dsn) else None
        self._pool = None if isinstance(source, Dsn) else source
        self._is_closing = False
        self._settings = settings
        self._limits = Limits(settings.timeout)
        self._silent_at: float | None = None
        self.name = settings.name
        self.owns_pool = isinstance(source, Dsn)
        self.is_pooled = False
        """Whether a pooler such as PgBouncer stands between, so that only a transaction has one server connection."""
        self._needs_transactions = False
        self.has_standby = False
        """Whether commits wait for a standby, as the server said when a connection of the engine's own was made."""
        self.fence = Fence()
        self.room = Room()
        self.room.pool = self._pool

    @property
    def keeps_settings(self) -> bool:
        """Whether what is set for a session stays set, and belongs to the engine alone."""
        return self.owns_pool and not self.is_pooled

    @property
    def keeps_statements(self) -> bool:
        """Whether what is prepared in a session can be run later on, outside of a transaction."""
        return self.owns_pool and not self._needs_transactions

    @property
    def timeout(self) -> float:
        return self._settings.timeout

    def trying(self, *, in_doubt: bool = False) -> Trying:
        """What is begun, or, `in_doubt`, was begun in another way, so that it may have succeeded."""
        return Trying(self._settings.retry_for, in_doubt=in_doubt)

    # --- opening and closing -----------------------------------------------------------------------------------

    @asynccontextmanager
    async def first_connection(self) -> AsyncIterator[Connection]:
        """A connection for opening: without time limits, and, unless it is the pool's, without prepared statements.

        Raises:
            EngineUnavailableError: There is none.
            OtherLoopError: The pool belongs to another event loop.
        """
        if self._dsn is None:
            _check_loop(self._pool)
            session = await self.take(self.trying())
            try:
                yield session.connection
            except BaseException as error:
                if not keeps_connection(error):
                    end(session.connection)
                raise
            finally:
                await self.give_back(session)
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

    async def open(self, *, is_pooled: bool, most: int | None = None) -> None:
        """Makes the pool, without connecting, unless the user gave one.

        Args:
            is_pooled: See the attribute.
            most: How many connections the server allows, if it said so.
        """
        cache = self._settings.statement_cache_size
        self.is_pooled = is_pooled
        # A statement cache that was asked for says that the pooler, if there is one, knows of prepared statements.
        self._needs_transactions = is_pooled and not cache
        if self._dsn is None:
            return
        allowed = self._settings.max_connections
        self.room.pool = self._pool = await asyncpg.create_pool(
            self._dsn.text,
            connect=cast("Any", self._connect),  # the stubs want each argument of asyncpg's own
            min_size=0,
            max_size=allowed if most is None else max(1, min(allowed, most)),
            connection_class=OwnConnection,
            ssl=self._settings.ssl,
            timeout=self._connect_timeout(),
            statement_cache_size=(0 if is_pooled else 100) if cache is None else cache,
        )

    async def aclose(self) -> None:
        """Closes the pool, if the engine made it: in good order at first, and then by force."""
        self._is_closing = True
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

    # --- work --------------------------------------------------------------------------------------------------

    async def run(
        self,
        work: Callable[[Connection], Awaitable[T]],
        trying: Trying,
        *,
        writes: bool = False,
        atomic: bool = False,
    ) -> T:
        """What `work` returns. It is one transaction, and is done again when a connection broke: it must be idempotent.

        Args:
            work: Runs one statement, or several if it is `atomic`.
            trying: How often.
            writes: It may change the tables.
            atomic: It writes, in several statements, and these are one transaction.

        Raises:
            EngineUnavailableError: There is no connection, or it broke, for longer than the reconnect timeout.
            InvalidEventError: The database's encoding lacks a character of what is asked for.
            EngineClosedError: The engine was closed meanwhile, and didn't wait for this any longer.
        """
        while True:
            try:
                session = await self.take(trying, writes=writes or atomic)
                try:
                    return await self.statement(session, work, trying, atomic=atomic)
                except (*RACED, Refused) as error:
                    told = unavailable(self.name, error)
                    raise told from told.__cause__
                finally:
                    await self.give_back(session)
            except EngineUnavailableError as error:
                if self._is_closing:
                    raise self._closed() from error
                await trying.again(error)

    async def statement(
        self, session: Session, work: Callable[[Connection], Awaitable[T]], trying: Trying, *, atomic: bool = False
    ) -> T:
        """What `work` returns, within the statement timeout. A connection that isn't as good as before is ended.

        Raises:
            EngineUnavailableError, Refused: See `translated`.
        """
        own_mark = session.mark
        try:
            with translated(self.name):
                async with asyncio.timeout(trying.time_left(self._settings.timeout)):
                    result = await self._done(session, work, atomic=atomic)
            if session.is_unconfirmed:
                raise unconfirmed(self.name)
        except BaseException as error:
            driver_error = error.__cause__ if isinstance(error, EngineUnavailableError | Refused) else error
            if not isinstance(driver_error, Exception) or not keeps_connection(driver_error):
                self.abandon(session, driver_error)
            raise
        finally:
            session.mark = own_mark
        return result

    async def _done(self, session: Session, work: Callable[[Connection], Awaitable[T]], *, atomic: bool) -> T:
        has_mark = session.mark is not None
        needs_mark = session.writes and not has_mark and (atomic or self._needs_transactions or not self.is_pooled)
        if not (atomic or self._needs_transactions or needs_mark):
            return await work(session.connection)
        if needs_mark:
            session.mark = new_mark()
        begin = self._limits.for_transaction(session.mark if needs_mark else None)
        return await in_transaction(session.connection, begin, work)

    def abandon(self, session: Session, error: BaseException | None) -> None:
        """Ends a connection whose statement may not be over at the server."""
        end(session.connection)
        if isinstance(error, TimeoutError):
            self._silent_at = asyncio.get_running_loop().time()
        if session.mark is not None and not is_answer(error):
            self.fence.give_up(session.mark)

    # --- connections -------------------------------------------------------------------------------------------

    async def take(self, trying: Trying, *, writes: bool = False, keeps: bool = False) -> Session:
        """A connection from the pool, to be given back. What was given up before is over then.

        Args:
            trying: How often.
            writes: What is done with it may change the tables.
            keeps: It isn't given back after each use, but when `room` asks for it.

        Raises:
            EngineUnavailableError: There is none.
            EngineClosedError: There are no more.
        """
        for _ in range(_STALE_AT_ONCE):
            session = Session(await self._acquired(trying), writes=writes, keeps=keeps)
            if not keeps:
                self.room.lend()
            if await self._is_trusted(session.connection, trying):
                break
            end(session.connection)
            await self.give_back(session)
        else:
            raise EngineUnavailableError(f"{self.name}: no connection answers")
        if self.fence.is_needed:
            try:
                await self.end_what_was_given_up(session, trying)
            except BaseException:
                await self.give_back(session)
                raise
        return session

    async def _acquired(self, trying: Trying) -> PooledConnection:
        if self._pool is None or self._is_closing:
            raise self._closed()
        with translated(self.name, connecting=True), self.room.waiting():
            return await self._pool.acquire(timeout=trying.time_left(self._settings.timeout))

    def _closed(self) -> EngineClosedError:
        return EngineClosedError(f"{self.name}: the engine was closed; make a new one")

    async def end_what_was_given_up(self, session: Session, trying: Trying) -> None:
        """Returns when no statement that was given up can take effect any more.

        Raises:
            EngineUnavailableError: That isn't certain yet.
        """
        marks = self.fence.marks
        look = partial(end_holders, marks=marks)
        try:
            with translated(self.name, connecting=True):
                async with asyncio.timeout(trying.time_left(self._settings.timeout)):
                    while await (
                        in_transaction(session.connection, "BEGIN", look)
                        if self._needs_transactions
                        else look(session.connection)
                    ):
                        await pause()
        except BaseException as error:
            cause = error.__cause__ if isinstance(error, EngineUnavailableError) else error
            if not keeps_connection(cause):
                end(session.connection)
            raise
        self.fence.close(marks)

    async def give_back(self, session: Session) -> None:
        """Ends the use of a connection, also of a broken one."""
        session.leave()
        if not session.keeps:
            self.room.take_back()
        connection = session.connection
        if self._pool is None:
            end(connection)
            return
        try:
            await self._pool.release(connection, timeout=self._settings.timeout)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            end(connection)  # it broke while it was reset; what was done on it is done

    async def _is_trusted(self, connection: PooledConnection, trying: Trying) -> bool:
        """False for a connection as old as one that went silent: whatever silenced it may have silenced all."""
        made_at: float | None = getattr(connection, "made_at", None)
        if made_at is not None:
            return self._silent_at is None or made_at > self._silent_at
        if not trying.was_silent:
            return True
        try:
            async with asyncio.timeout(trying.time_left(self._settings.timeout) / 2):
                await connection.execute("SELECT 1")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return False
        return True

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


async def confirm(connection: Connection) -> None:
    """Returns when everything that could be read on this connection is as durable as what is written: see `CONFIRM`.

    On the connection that read it: after a failover, another server knows nothing of what only the first one had.
    """
    await connection.execute(CONFIRM)
