"""The engine: what nact sees of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from typing import ClassVar

from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building.checks import (
    check_batch,
    check_key,
    check_prefix,
    check_snapshot,
    check_tags,
    check_up_to,
    check_window,
)
from nact.persistence.building.lifecycle import SessionEngine
from nact.persistence.records import MAX_SEQUENCE_NUMBER
from nact_persistence_postgres._addresses.dsn import Dsn
from nact_persistence_postgres._connections.connection import Pool
from nact_persistence_postgres._session import Session
from nact_persistence_postgres._settings import Settings, Ssl, checked_source
from nact_persistence_postgres._writing.appends import Append


class PostgresPersistenceEngine(SessionEngine[Session]):
    """Keeps journals in Postgres (13 and later), with every ability of the contract.

    Concurrent writes share a statement and its fsync. The tables are those of nact for JavaScript, which can go on
    using them; tables that it made are brought up to date when the engine opens. Several processes may use one journal.

    A connection that breaks is replaced. A write whose outcome isn't known then is repeated, which stores nothing
    twice, so a restart of the server within `retry_for` isn't noticed.

    One event loop and one process may use an engine: after a fork, make a new one.

    Args:
        source: A URL as libpq takes it, with several hosts, `target_session_attrs`, `sslmode` and its like. Or a pool
            of asyncpg, which stays open; close it after the engine.
        create_if_not_exists: Makes the tables, or brings them up to date, at first use.
        prefix: Goes before the names of both tables.
        schema: The schema of the tables; the first one of the search path if not given.
        event_table: The name of the table of events.
        snapshot_table: The name of the table of snapshots.
        ssl: As for `asyncpg.connect`, for what the URL can't express.
        max_connections: The most connections that the engine makes. Two of them write; where there are no others, they
            are released to readers.
        statement_cache_size: The number of statements that a connection keeps prepared. If not given, 100, and 0 over
            PgBouncer, where each statement becomes a transaction. Give it if yours handles prepared statements.
        timeout: Seconds that a statement, or a wait for a connection, may take.
        retry_for: Seconds for which a call is tried again after its connection broke.
        page_size: The most events that a replay reads at once.

    Raises:
        TypeError, ValueError: An argument is invalid.
    """

    protocol_versions: ClassVar[tuple[int, ...]] = (1,)

    def __init__(
        self,
        source: str | Pool,
        *,
        create_if_not_exists: bool = True,
        prefix: str = "",
        schema: str | None = None,
        event_table: str = "event_journal",
        snapshot_table: str = "snapshot_store",
        ssl: Ssl = None,
        max_connections: int = 10,
        statement_cache_size: int | None = None,
        timeout: float = 10.0,
        retry_for: float = 10.0,
        page_size: int = 1000,
    ) -> None:
        place = checked_source(source)
        self._is_own = isinstance(place, Dsn)
        self._settings = settings = Settings(
            name=place.name if isinstance(place, Dsn) else "the given pool",
            create=create_if_not_exists,
            schema=schema,
            event_table=f"{prefix}{event_table}",
            snapshot_table=f"{prefix}{snapshot_table}",
            ssl=ssl,
            max_connections=max_connections,
            statement_cache_size=statement_cache_size,
            timeout=timeout,
            retry_for=retry_for,
            page_size=page_size,
        )
        super().__init__(lambda: Session(place, settings))

    def __repr__(self) -> str:
        return f"PostgresPersistenceEngine({self._settings.name!r})"

    @property
    def durability(self) -> str:
        """What the server waits for before it acknowledges a commit."""
        if not self._is_own:
            return "synchronous_commit as the role has it"
        may_differ = "; over a pooler, as the role has it" if self._settings.statement_cache_size else ""
        return f"synchronous_commit=on{may_differ}"

    async def _session(self) -> Session:
        return self._life.ready() or await self._life.opened()

    async def _session_for(self, key: str) -> Session:
        """The session, if its tables can hold the key of this read or deletion."""
        session = await self._session()
        session.tables.rows.check_key(key)
        return session

    # --- PersistenceEngine -------------------------------------------------------------------------------------

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        check_window(after, limit)
        wanted = check_tags(tags)
        session = await self._session_for(check_key(key))
        limit = None if limit is None else min(limit, MAX_SEQUENCE_NUMBER)
        if limit == 0 or after >= MAX_SEQUENCE_NUMBER or any("\0" in tag for tag in wanted):
            return
        await session.settled(key)
        last_deletion = session.known.last_deletion
        number = after
        async with aclosing(session.reader.pages(key, after, limit, wanted)) as stream:
            async for page in stream:
                for event in page.events(key, dense=not wanted):
                    yield event
                    self._life.check_open()
                    number = event.sequence_number
        if limit is None and not wanted and (number > after or after == 0):
            session.known.put_since(key, number, last_deletion)

    async def persist(self, event: PersistedEvent) -> None:
        check_batch((event,))
        session = self._life.ready() or await self._life.opened()  # not by `_session`: each persist passes by here
        row = session.tables.rows.event(event)
        if event.is_deleted:
            await session.begin_journal(row)
            return
        await session.commits.submit(event.key, Append(row[0], row[1], (row,)), len(row[3]) + len(row[6] or ""))

    # --- AtomicBatches -----------------------------------------------------------------------------------------

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        session = await self._session()
        if events and events[0].is_deleted:
            await self.persist(events[0])
            return
        rows = [session.tables.rows.event(event) for event in events]
        if rows:
            size = sum(len(row[3]) + len(row[6] or "") for row in rows)
            await session.commits.submit(rows[0][0], Append(rows[0][0], rows[0][1], rows), size)

    # --- EventDeletion, HighestSequenceNumber, KeyListing ------------------------------------------------------

    async def delete_events(self, key: str, *, up_to: int) -> None:
        """Deletes some thousand events a transaction. They leave the disk when Postgres has vacuumed the table."""
        last = check_up_to(up_to)
        session = await self._session_for(check_key(key))
        await session.delete_events(key, last)

    async def highest_sequence_number(self, key: str) -> int:
        session = await self._session_for(check_key(key))
        await session.settled(key)
        return await session.reader.highest(key)

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        """In the order of the database: by code points, unless nact for JavaScript made the tables."""
        check_prefix(prefix)
        session = await self._session()
        await session.settled()
        by_code_point = session.tables.is_sorted_by_code_point
        start = prefix if by_code_point else ""
        page = [] if "\0" in prefix else await session.reader.keys(start, inclusive=True)
        while page:
            for key in page:
                if key.startswith(prefix):
                    yield key
                    self._life.check_open()
                elif by_code_point:
                    return
            page = await session.reader.keys(page[-1], inclusive=False)

    # --- SnapshotStore -----------------------------------------------------------------------------------------

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        limit = MAX_SEQUENCE_NUMBER if up_to is None else check_up_to(up_to)
        session = await self._session_for(check_key(key))
        await session.snapshot_commits.settled(key)
        return await session.reader.snapshot(key, limit)

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        check_snapshot(snapshot)
        session = await self._session()
        row = session.tables.rows.snapshot(snapshot)
        await session.snapshot_commits.submit(row[0], row, len(row[3]) + len(row[5] or ""))

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        last = check_up_to(up_to)
        session = await self._session_for(check_key(key))
        await session.snapshot_commits.settled(key)
        await session.reader.delete_snapshots(key, last)
