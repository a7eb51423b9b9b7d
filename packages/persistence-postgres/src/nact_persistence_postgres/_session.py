"""Opens what the engine uses in one event loop: connections, tables, writers, readers."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from nact.errors import EngineUnavailableError
from nact.persistence.building.in_flight import InFlight
from nact_persistence_postgres._addresses.dsn import Dsn
from nact_persistence_postgres._connections.connection import Connection, Pool, in_transaction
from nact_persistence_postgres._connections.errors import OVERTAKEN, Refused, translated, unavailable
from nact_persistence_postgres._connections.pool import ConnectionPool
from nact_persistence_postgres._connections.retry import Attempts
from nact_persistence_postgres._connections.runner import Runner
from nact_persistence_postgres._connections.write_connection import WriteConnection
from nact_persistence_postgres._reading.reader import Reader
from nact_persistence_postgres._schema import opening
from nact_persistence_postgres._schema.catalog import most_connections
from nact_persistence_postgres._settings import Settings
from nact_persistence_postgres._statements.rows import EventRow, SnapshotRow
from nact_persistence_postgres._statements.sql import Statements
from nact_persistence_postgres._statements.tables import Tables
from nact_persistence_postgres._writing.appends import Append, EventWriter
from nact_persistence_postgres._writing.deletion import Deletion
from nact_persistence_postgres._writing.first_tombstones import FirstTombstones
from nact_persistence_postgres._writing.group_commit import Commits
from nact_persistence_postgres._writing.last_numbers import KnownNumbers
from nact_persistence_postgres._writing.snapshots import SnapshotWriter

_LEAST_TO_LOOK = 3.0
"""The catalogs of a busy server take their time, however short the patience with a statement."""


class Session:
    """The open engine: its connections and tables, and the objects that write and read.

    Attributes:
        pool: The connections.
        runner: Runs statements on them.
        tables: The tables, as they were found or made. This and what follows exists once the session is open.
        known: The last numbers that were seen stored.
        commits: Group commit of events.
        snapshot_commits: Group commit of snapshots.
        reader: Reads events, snapshots and keys.
    """

    tables: Tables
    known: KnownNumbers
    commits: Commits[Append]
    snapshot_commits: Commits[SnapshotRow]
    reader: Reader

    def __init__(self, source: Dsn | Pool, settings: Settings) -> None:
        self.pool = ConnectionPool(source, settings)
        self.runner = Runner(self.pool, settings.retry_for)
        self._settings = settings
        self._write_connections: tuple[WriteConnection, ...] = ()
        self._beginnings = InFlight()

    async def open(self) -> None:
        """Connects, and finds or makes the tables.

        Raises:
            EngineUnavailableError: The server can't be reached, or the tables aren't there. Nothing is left open.
            CorruptJournalError: There is something else in place of the tables.
        """
        settings = self._settings
        sql = Statements(settings.schema, settings.event_table, settings.snapshot_table)
        found = await _looked(self.pool, self.runner.attempts(), settings, sql)
        self.tables = found.tables
        await self.pool.open(has_pooler=found.has_pooler, most=found.most_connections)
        self.known = KnownNumbers(found.last_deletion)
        for_events = WriteConnection(self.pool, self.runner, self.tables.append_one if self.tables.remembers else None)
        for_snapshots = WriteConnection(self.pool, self.runner)
        writer = EventWriter(self.tables, for_events, self.known)
        self.commits = Commits(writer.write, writer.write_alone)
        self.snapshot_commits = Commits(SnapshotWriter(self.tables, for_snapshots).write)
        self._first_tombstones = FirstTombstones(self.tables, self.runner, settings.timeout)
        self.reader = Reader(self.tables, self.runner, settings.page_size)
        self._write_connections = for_events, for_snapshots

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes the connections."""
        try:
            if self._write_connections:
                await self.commits.aclose()
                await self._beginnings.aclose()
                await self.snapshot_commits.aclose()
                await self.reader.aclose()
                for connection in self._write_connections:
                    await connection.aclose()
        finally:
            await self.pool.aclose()

    async def begin_journal(self, tombstone: EventRow) -> None:
        """Stores the tombstone as the first record of its key. Goes on when the caller is cancelled."""
        await self._beginnings.finish(tombstone[0], self._begin_journal(tombstone))

    async def delete_events(self, key: str, up_to: int) -> None:
        """See `Deletion`."""
        await self.settled(key)
        await Deletion(self.tables, self.runner, self._settings.timeout).run(key, up_to)

    async def settled(self, key: str | None = None) -> None:
        """Returns when no write of events of the key (or of any) is under way whose caller was cancelled."""
        await self.commits.settled(key)
        await self._beginnings.settled(key)

    async def _begin_journal(self, tombstone: EventRow) -> None:
        await self.commits.settled(tombstone[0])
        await self._first_tombstones.write(tombstone)


class _Found(NamedTuple):
    tables: Tables
    last_deletion: int
    has_pooler: bool
    most_connections: int | None
    """The limit of the role or the database."""


async def _looked(pool: ConnectionPool, attempts: Attempts, settings: Settings, sql: Statements) -> _Found:
    while True:
        try:
            with translated(pool.name, connecting=True):
                return await _look(pool, attempts, settings, sql)
        except Refused as error:
            told = unavailable(pool.name, error)
            raise told from told.__cause__
        except OVERTAKEN as error:
            overtaken = EngineUnavailableError(f"{pool.name}: others alter its tables: {error}")
            overtaken.__cause__ = error
            await attempts.again(overtaken)
        except EngineUnavailableError as error:
            await attempts.again(error)


async def _look(pool: ConnectionPool, attempts: Attempts, settings: Settings, sql: Statements) -> _Found:
    async with pool.first_connection(attempts) as connection:
        limit = max(_LEAST_TO_LOOK, settings.timeout)
        async with asyncio.timeout(limit):
            has_pooler = settings.statement_cache_size == 0 or await opening.has_pooler(connection)
        tables = await opening.opened(
            connection, sql, pool.name, create=settings.create, has_pooler=has_pooler, limit=limit
        )

        async def look(connection: Connection) -> tuple[int, int | None]:
            last_deletion = int(await connection.fetchval(sql.last_deletion)) if tables.remembers else 0
            return last_deletion, None if has_pooler else await most_connections(connection)

        async with asyncio.timeout(limit):
            last_deletion, most = await in_transaction(connection, "BEGIN", look)
        return _Found(tables, last_deletion, has_pooler, most)
