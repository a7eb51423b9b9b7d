"""A journal in use: what opens it, and what there is when it is open."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from nact.errors import EngineUnavailableError
from nact.persistence.building.in_flight import InFlight
from nact_persistence_postgres._connections.connection import Connection, Pool, in_transaction
from nact_persistence_postgres._connections.dsn import Dsn
from nact_persistence_postgres._connections.errors import OVERTAKEN, Refused, translated, unavailable
from nact_persistence_postgres._connections.pool import Sessions
from nact_persistence_postgres._connections.write_connection import Lane
from nact_persistence_postgres._reading.pages import Reader
from nact_persistence_postgres._schema import opening
from nact_persistence_postgres._schema.catalog import most_connections
from nact_persistence_postgres._settings import Settings
from nact_persistence_postgres._statements.rows import EventRow, SnapshotRow
from nact_persistence_postgres._statements.sql import Statements
from nact_persistence_postgres._statements.tables import Tables
from nact_persistence_postgres._writing.commits import Commits
from nact_persistence_postgres._writing.events import Append, Writer
from nact_persistence_postgres._writing.first_tombstones import FirstTombstones
from nact_persistence_postgres._writing.last_numbers import Seen
from nact_persistence_postgres._writing.snapshots import SnapshotWriter

_LEAST_TO_LOOK = 3.0
"""The catalogs of a busy server take their time, however short the patience with a statement."""


class Journal:
    """What one event loop uses of an engine: its connections, what writes and what reads over them.

    Attributes:
        sessions: The connections.
        tables: What is known of the tables, once they are open; and so on.
    """

    sessions: Sessions
    tables: Tables
    seen: Seen
    commits: Commits[Append]
    snapshot_commits: Commits[SnapshotRow]
    reader: Reader

    def __init__(self, source: Dsn | Pool, settings: Settings) -> None:
        self.sessions = Sessions(source, settings)
        self._settings = settings
        self._lanes: tuple[Lane, ...] = ()
        self._beginnings = InFlight()

    async def open(self) -> None:
        """Connects, and finds or makes the tables.

        Raises:
            EngineUnavailableError: The server can't be reached, or the tables aren't there. Nothing is left open.
            CorruptJournalError: There is something else in place of the tables.
        """
        settings = self._settings
        sql = Statements(settings.schema, settings.event_table, settings.snapshot_table)
        found = await _looked(self.sessions, settings, sql)
        self.tables, last_deletion = found.tables, found.last_deletion
        await self.sessions.open(is_pooled=found.is_pooled, most=found.most_connections)
        self.seen = Seen(last_deletion)
        lane = Lane(self.sessions, self.tables.append_one if self.tables.remembers else None)
        snapshot_lane = Lane(self.sessions)
        writer = Writer(self.tables, lane, self.seen)
        self.commits = Commits(writer.write, writer.write_alone)
        self.snapshot_commits = Commits(SnapshotWriter(self.tables, snapshot_lane).write)
        self._first_tombstones = FirstTombstones(self.tables, self.sessions, settings.timeout)
        self.reader = Reader(self.tables, self.sessions, settings.page_size)
        self._lanes = lane, snapshot_lane

    async def begin(self, tombstone: EventRow) -> None:
        """Stores the tombstone as the first record of its key. Goes on when the caller is cancelled."""
        await self._beginnings.finish(tombstone[0], self._begin(tombstone))

    async def settled(self, key: str | None = None) -> None:
        """Returns when a write of events of the key (or any) that was cancelled is stored, or won't be."""
        await self.commits.settled(key)
        await self._beginnings.settled(key)

    async def _begin(self, tombstone: EventRow) -> None:
        await self.commits.settled(tombstone[0])
        await self._first_tombstones.write(tombstone)

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes the connections."""
        try:
            if self._lanes:
                await self.commits.aclose()
                await self._beginnings.aclose()
                await self.snapshot_commits.aclose()
                await self.reader.aclose()
                for lane in self._lanes:
                    await lane.aclose()
        finally:
            await self.sessions.aclose()


class _Found(NamedTuple):
    tables: Tables
    last_deletion: int
    is_pooled: bool
    most_connections: int | None
    """As the role or the database has it."""


async def _looked(sessions: Sessions, settings: Settings, sql: Statements) -> _Found:
    trying = sessions.trying()
    while True:
        try:
            with translated(sessions.name, connecting=True):
                return await _look(sessions, settings, sql)
        except Refused as error:
            told = unavailable(sessions.name, error)
            raise told from told.__cause__
        except OVERTAKEN as error:
            overtaken = EngineUnavailableError(f"{sessions.name}: others alter its tables: {error}")
            overtaken.__cause__ = error
            await trying.again(overtaken)
        except EngineUnavailableError as error:
            await trying.again(error)


async def _look(sessions: Sessions, settings: Settings, sql: Statements) -> _Found:
    async with sessions.first_connection() as connection:
        limit = max(_LEAST_TO_LOOK, settings.timeout)
        async with asyncio.timeout(limit):
            is_pooled = settings.statement_cache_size == 0 or await opening.is_behind_pooler(connection)
        tables = await opening.opened(
            connection, sql, sessions.name, create=settings.create, is_pooled=is_pooled, limit=limit
        )

        async def look(connection: Connection) -> tuple[int, int | None]:
            last_deletion = int(await connection.fetchval(sql.last_deletion)) if tables.remembers else 0
            return last_deletion, None if is_pooled else await most_connections(connection)

        async with asyncio.timeout(limit):
            last_deletion, most = await in_transaction(connection, "BEGIN", look)
        return _Found(tables, last_deletion, is_pooled, most)
