"""The engine, as the event loop sees it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from functools import partial
from itertools import islice
from typing import ClassVar

from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building.checks import check_batch, check_key, check_prefix, check_tags, check_up_to, check_window
from nact.persistence.building.lifecycle import SessionEngine
from nact.persistence.records import MAX_SEQUENCE_NUMBER
from nact_persistence_sqlite import _settings
from nact_persistence_sqlite._database import File
from nact_persistence_sqlite._reader import Page
from nact_persistence_sqlite._replay import decoded, pages
from nact_persistence_sqlite._rows import event_row, size_of, snapshot_row, stored_snapshot
from nact_persistence_sqlite._session import Session, Sessions
from nact_persistence_sqlite._sql import Statements
from nact_persistence_sqlite._writer import Append, DeleteEvents, DeleteSnapshots, PutSnapshot


class SqlitePersistenceEngine(SessionEngine[Session]):
    """Keeps journals in a SQLite file, with every ability of the contract. Several processes may use one file.

    Concurrent writes share a transaction and its fsync. The file holds a table of events and one of snapshots with
    their data as JSON text, and may hold tables of your own.

    Used by one event loop at a time, and by one process: after a fork, make a new one.

    Args:
        source: The path of the file. A relative path is resolved now, from the current working directory.
        create_if_not_exists: Make the file and the tables at first use. The folder must exist.
        prefix: Goes before the names of both tables.
        event_table: The table of events.
        snapshot_table: The table of snapshots.
        synchronous: When SQLite waits for the disk. With `"FULL"`, what was persisted survives a loss of power. With
            `"NORMAL"` it survives the death of this process, but a loss of power may take the last events.
        timeout: Seconds that a statement waits for another process that keeps the file locked.
        page_size: The most events that a replay reads at once.

    Raises:
        TypeError: `source` isn't a path of `str`, or `prefix` isn't a `str`.
        ValueError: An argument is invalid.
    """

    protocol_versions: ClassVar[tuple[int, ...]] = (1,)

    def __init__(
        self,
        source: str | os.PathLike[str],
        *,
        create_if_not_exists: bool = True,
        prefix: str = "",
        event_table: str = "event_journal",
        snapshot_table: str = "snapshot_store",
        synchronous: str = "FULL",
        timeout: float = 5.0,
        page_size: int = 1000,
    ) -> None:
        self._file = File(
            path=_settings.checked_source(source),
            sql=Statements(*_settings.checked_tables(prefix, event_table, snapshot_table)),
            synchronous=_settings.checked_synchronous(synchronous),
            timeout=_settings.checked_timeout(timeout),
            create=create_if_not_exists,
        )
        self._page_size = _settings.checked_page_size(page_size)
        super().__init__(Sessions(self._file))

    @property
    def durability(self) -> str:
        """The setting that says when SQLite waits for the disk."""
        return f"synchronous={self._file.synchronous}"

    def __repr__(self) -> str:
        return f"SqlitePersistenceEngine({self._file.path!r})"

    # --- PersistenceEngine -------------------------------------------------------------------------------------

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        check_key(key)
        check_window(after, limit)
        wanted = frozenset(check_tags(tags))
        session = self._life.ready() or await self._life.opened()
        after, left = min(after, MAX_SEQUENCE_NUMBER), min(limit or 0, MAX_SEQUENCE_NUMBER)
        rows = None if wanted or limit is None else left
        size = self._page_size if rows is None else min(rows, self._page_size)
        left = MAX_SEQUENCE_NUMBER if limit is None else left
        fetch = partial(_page, session, key, size)
        async with aclosing(pages(after, rows, fetch)) as stream:
            async for page in stream:
                for event in islice(decoded(key, page, wanted), left):
                    left -= 1
                    yield event
                    if session.is_closed:
                        session.check_open()
                if left == 0:
                    return

    async def persist(self, event: PersistedEvent) -> None:
        check_batch((event,))
        row = event_row(event)
        session = self._life.ready() or await self._life.opened()
        await session.write(Append((row,)), size_of(row))

    # --- AtomicBatches -----------------------------------------------------------------------------------------

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        rows = [event_row(event) for event in events]
        session = self._life.ready() or await self._life.opened()
        if rows:
            await session.write(Append(rows), sum(map(size_of, rows)))

    # --- EventDeletion, HighestSequenceNumber, KeyListing ------------------------------------------------------

    async def delete_events(self, key: str, *, up_to: int) -> None:
        """Deletes some thousand events in each transaction, newest first. The first one leaves the tombstone."""
        item = DeleteEvents(check_key(key), check_up_to(up_to))
        session = self._life.ready() or await self._life.opened()
        while not item.is_done:
            await session.write(item)

    async def highest_sequence_number(self, key: str) -> int:
        check_key(key)
        session = self._life.ready() or await self._life.opened()
        return await session.read(session.reader.highest, key)

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        """Lists them in the order of their code points."""
        start = check_prefix(prefix)
        session = self._life.ready() or await self._life.opened()
        inclusive, found = True, [start]
        while found:
            session.check_open()
            found = await session.read(session.reader.keys, start, inclusive, self._page_size)
            for key in found:
                if not key.startswith(prefix):
                    return
                yield key
                session.check_open()
                start, inclusive = key, False

    # --- SnapshotStore -----------------------------------------------------------------------------------------

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        check_key(key)
        last = MAX_SEQUENCE_NUMBER if up_to is None else check_up_to(up_to)
        session = self._life.ready() or await self._life.opened()
        row = await session.read(session.reader.snapshot, key, last)
        return None if row is None else stored_snapshot(key, row)

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        row = snapshot_row(snapshot)
        session = self._life.ready() or await self._life.opened()
        await session.write(PutSnapshot(row), size_of(row))

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        item = DeleteSnapshots(check_key(key), check_up_to(up_to))
        session = self._life.ready() or await self._life.opened()
        await session.write(item)


async def _page(session: Session, key: str, size: int, after: int) -> Page:
    session.check_open()
    return await session.read(session.reader.page, key, after, size)
