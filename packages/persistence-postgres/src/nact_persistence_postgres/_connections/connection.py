"""A connection, and what the engine notes about it while it has it."""

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
"""The function of Postgres that warns when a commit stops waiting for its standby. (The text depends on the locale.)"""

CONFIRM = "SELECT pg_logical_emit_message(true, 'nact', '')"
"""Writes a few bytes to the log and nothing else, in a transaction of its own.

Its commit waits for disks and standbys as that of a write does, and so for all commits before it. An acknowledgement
that rests on a read has to wait for this: a SELECT sees rows that no standby has yet.
"""


class OwnConnection(_Base):
    """A connection that goes back to the pool without a round trip: the engine leaves nothing to reset.

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


class Lease:
    """A connection from the pool, for as long as the engine has it.

    Args:
        connection: From the pool.
        writes: The work on it may change the tables.
        keeps: It isn't given back after each use.

    Attributes:
        mark: The number by which the backend is found and ended when a statement is given up. `None` if it has none, or
            if each transaction brings its own.
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

    def end(self) -> None:
        """Removes what the lease added to the connection, before that goes back to its pool."""
        if self.writes and is_usable(self.connection):
            self.connection.remove_log_listener(self._note)

    def _note(self, _: object, message: object) -> None:
        if getattr(message, "server_source_function", None) == _WAITS_FOR_STANDBY:
            self.is_unconfirmed = True


async def in_transaction(connection: Connection, begin: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Runs the work in a transaction, commits it, and returns its result.

    After an error that leaves the connection in order, the transaction is rolled back. After any other, cancellation
    included, the caller has to terminate the connection: on one that went silent, a ROLLBACK would wait for ever.
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


async def confirm(connection: Connection) -> None:
    """Returns when everything that could be read on this connection is durable: see `CONFIRM`.

    It has to be the connection that read it: after a failover, another server knows nothing of what only the first had.
    """
    await connection.execute(CONFIRM)


def terminate(connection: Connection) -> None:
    """Closes the connection at once. One that broke has gone back to its pool already, which is no error."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


def is_usable(connection: PooledConnection) -> bool:
    """Whether the connection is open. One that broke or was terminated has gone back to its pool."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False
