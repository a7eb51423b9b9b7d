"""The engine: what nact sees of it."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import ClassVar, Self

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
from nact.persistence.building.lifecycle import Lifecycle
from nact.persistence.records import MAX_SEQUENCE_NUMBER
from nact_persistence_postgres._connections.connection import Pool
from nact_persistence_postgres._connections.dsn import Dsn
from nact_persistence_postgres._session import Journal
from nact_persistence_postgres._settings import Settings, Ssl, checked_source
from nact_persistence_postgres._writing.deletion import Deletion
from nact_persistence_postgres._writing.events import Append


class PostgresPersistenceEngine:
    """Keeps journals in Postgres (13 and later), with every ability of the contract.

    Concurrent writes share a statement and its fsync. The tables are those of nact for JavaScript, which can go on
    using them; tables that it made are brought up to date when the engine opens. Several processes may use one journal.

    A connection that breaks is replaced. A write whose outcome isn't known then is repeated, which stores nothing
    twice, so a restart of the server within `retry_for` isn't noticed.

    Used by one event loop, and by one process: after a fork, make a new one.

    Args:
        source: A URL as libpq takes it, with several hosts, `target_session_attrs`, `sslmode` and its like. Or a pool
            of asyncpg, which stays open; close it after the engine.
        create_if_not_exists: Make the tables, or bring them up to date, at first use.
        prefix: Goes before the names of both tables.
        schema: Of the tables; the first one of the search path if not given.
        event_table: The table of events.
        snapshot_table: The table of snapshots.
        ssl: As for `asyncpg.connect`, where the DSN can't say it.
        max_connections: At most so many of its own; two are for writing, and give way where there are no others.
        statement_cache_size: How many statements a connection keeps prepared. If not given, 100, and 0 behind
            PgBouncer, where every statement becomes a transaction. Give it if yours handles prepared statements.
        timeout: Seconds that a statement, or a wait for a connection, may take.
        retry_for: Seconds for which a call is tried again after its connection broke.
        page_size: How many events a replay reads at once, at most.

    Raises:
        TypeError, ValueError: One of these can't be.
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
        self._life = Lifecycle(lambda: Journal(place, settings), repr(self))

    @property
    def durability(self) -> str:
        """What the server waits for before it acknowledges a commit."""
        if not self._is_own:
            return "synchronous_commit as the role has it"
        may_differ = "" if not self._settings.statement_cache_size else "; over a pooler, as the role has it"
        return f"synchronous_commit=on{may_differ}"

    def __repr__(self) -> str:
        return f"PostgresPersistenceEngine({self._settings.name!r})"

    def __del__(self) -> None:
        # Only warns. (A constructor that failed left no attributes.)
        if "_life" in self.__dict__ and self._life.is_left_open:
            warnings.warn(f"{self!r} was not closed: await aclose()", ResourceWarning, stacklevel=1, source=self)

    # --- lifecycle ---------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._life.opened()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Waits for writes in flight, closes what the engine opened. Goes on when cancelled. Can be called again."""
        await self._life.aclose()

    # --- PersistenceEngine -------------------------------------------------------------------------------------

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        journal = self._life.ready() or await self._life.opened()
        check_window(after, limit)
        wanted = check_tags(tags)
        journal.tables.rows.check_key(check_key(key))
        limit = None if limit is None else min(limit, MAX_SEQUENCE_NUMBER)
        if limit == 0 or after >= MAX_SEQUENCE_NUMBER or any("\0" in tag for tag in wanted):
            return
        await journal.settled(key)
        last_deletion = journal.seen.last_deletion
        number = after
        async with aclosing(journal.reader.pages(key, after, limit, wanted)) as stream:
            async for page in stream:
                for event in page.events(key, dense=not wanted):
                    yield event
                    self._life.check_open()
                    number = event.sequence_number
        if limit is None and not wanted and (number > after or after == 0):
            journal.seen.put(key, number, last_deletion)

    async def persist(self, event: PersistedEvent) -> None:
        journal = self._life.ready() or await self._life.opened()
        check_batch((event,))
        row = journal.tables.rows.event(event)
        if event.is_deleted:
            await journal.begin(row)
            return
        await journal.commits.submit(event.key, Append(row[0], row[1], (row,)), len(row[3]) + len(row[6] or ""))

    # --- AtomicBatches -----------------------------------------------------------------------------------------

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        journal = self._life.ready() or await self._life.opened()
        check_batch(events)
        if events and events[0].is_deleted:
            await self.persist(events[0])
            return
        rows = [journal.tables.rows.event(event) for event in events]
        if rows:
            size = sum(len(row[3]) + len(row[6] or "") for row in rows)
            await journal.commits.submit(rows[0][0], Append(rows[0][0], rows[0][1], rows), size)

    # --- EventDeletion, HighestSequenceNumber, KeyListing ------------------------------------------------------

    async def delete_events(self, key: str, *, up_to: int) -> None:
        """Some thousand events a transaction, newest first. They are off the disk when Postgres has vacuumed."""
        journal = self._life.ready() or await self._life.opened()
        journal.tables.rows.check_key(check_key(key))
        await journal.settled(key)
        deletion = Deletion(journal.tables, journal.sessions, self._settings.timeout)
        await deletion.run(key, check_up_to(up_to))

    async def highest_sequence_number(self, key: str) -> int:
        journal = self._life.ready() or await self._life.opened()
        journal.tables.rows.check_key(check_key(key))
        await journal.settled(key)
        return await journal.reader.highest(key)

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        """In the order of the database: by code points, unless nact for JavaScript made the tables."""
        journal = self._life.ready() or await self._life.opened()
        await journal.settled()
        by_code_point = journal.tables.is_sorted_by_code_point
        start = check_prefix(prefix) if by_code_point else ""
        page = [] if "\0" in check_prefix(prefix) else await journal.reader.keys(start, inclusive=True)
        while page:
            for key in page:
                if key.startswith(prefix):
                    yield key
                    self._life.check_open()
                elif by_code_point:
                    return
            page = await journal.reader.keys(page[-1], inclusive=False)

    # --- SnapshotStore -----------------------------------------------------------------------------------------

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        journal = self._life.ready() or await self._life.opened()
        limit = MAX_SEQUENCE_NUMBER if up_to is None else check_up_to(up_to)
        journal.tables.rows.check_key(check_key(key))
        await journal.snapshot_commits.settled(key)
        return await journal.reader.snapshot(key, limit)

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        journal = self._life.ready() or await self._life.opened()
        check_snapshot(snapshot)
        row = journal.tables.rows.snapshot(snapshot)
        await journal.snapshot_commits.submit(row[0], row, len(row[3]) + len(row[5] or ""))

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        journal = self._life.ready() or await self._life.opened()
        journal.tables.rows.check_key(check_key(key))
        await journal.snapshot_commits.settled(key)
        await journal.reader.delete_snapshots(key, check_up_to(up_to))
