"""A connection, and what the engine knows of it while it has it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from nact_persistence_postgres._connections.errors import keeps_connection

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    PooledConnection: TypeAlias = PoolConnectionProxy[asyncpg.Record]
    _Base: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Pool, Connection, PooledConnection = asyncpg.Pool, asyncpg.Connection, PoolConnectionProxy
    _Base = asyncpg.Connection

T = TypeVar("T")

_WAITS_FOR_STANDBY = "SyncRepWaitForLSN"
"""The function of Postgres that warns when a commit stops waiting for its standby. (Its words depend on the locale.)"""


class OwnConnection(_Base):
    """Is given back to the pool without a round trip: the engine leaves nothing behind that had to be reset.

    Attributes:
        mark: See `Fence`.
        made_at: In the event loop's time.
    """

    mark: int | None = None

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.made_at = asyncio.get_running_loop().time()

    def get_reset_query(self) -> str:
        return ""


class Session:
    """A connection from the pool, while the engine has it.

    Args:
        connection: From the pool.
        writes: What is done with it may change the tables.
        keeps: It isn't given back after each use.

    Attributes:
        mark: What ends it if a statement of it is given up; `None` if it has none, or a transaction brings its own.
        is_unconfirmed: The server committed without the standby that it should have waited for.
    """

    __slots__ = ("connection", "is_unconfirmed", "keeps", "mark", "writes")

    def __init__(self, connection: PooledConnection, *, writes: bool, keeps: bool = False) -> None:
        self.connection = connection
        self.writes = writes
        self.keeps = keeps
        self.mark: int | None = getattr(connection, "mark", None)
        self.is_unconfirmed = False
        if writes:
            connection.add_log_listener(self._note)

    def leave(self) -> None:
        """Leaves nothing at the connection, which goes back to its pool."""
        if self.writes and is_usable(self.connection):
            self.connection.remove_log_listener(self._note)

    def _note(self, _: object, message: object) -> None:
        if getattr(message, "server_source_function", None) == _WAITS_FOR_STANDBY:
            self.is_unconfirmed = True


async def in_transaction(connection: Connection, begin: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    """What `work` returns, committed.

    After an error that leaves the connection in order, it is rolled back. After any other, cancellation included, the
    caller has to end the connection: a ROLLBACK on a silent line would wait for ever.
    """
    await connection.execute(begin)
    try:
        result = await work(connection)
    except Exception as error:
        if keeps_connection(error) or not isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | OSError):
            await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")
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
