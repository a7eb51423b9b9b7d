"""The engine: what the event loop sees of it. SQLite itself is only touched on two threads."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from functools import partial
from itertools import islice
from types import TracebackType
from typing import ClassVar, Self

from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building.checks import check_batch, check_key, check_prefix, check_tags, check_up_to, check_window
from nact.persistence.records import MAX_SEQUENCE_NUMBER
from nact_persistence_sqlite import _settings
from nact_persistence_sqlite._database import File
from nact_persistence_sqlite._reader import Page
from nact_persistence_sqlite._replay import decoded, pages
from nact_persistence_sqlite._rows import event_row, size_of, snapshot_row, stored_snapshot
from nact_persistence_sqlite._sql import Statements
from nact_persistence_sqlite._threads import Threads
from nact_persistence_sqlite._writer import Append, DeleteEvents, DeleteSnapshots, PutSnapshot


class SqlitePersistenceEngine:
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
        file = File(
            path=_settings.checked_source(source),
            sql=Statements(*_settings.checked_tables(prefix, event_table, snapshot_table)),
            synchronous=_settings.checked_synchronous(synchronous),
            timeout=_settings.checked_timeout(timeout),
            create=create_if_not_exists,
        )
        self._path = file.path
        self._synchronous = file.synchronous
        self._page_size = _settings.checked_page_size(page_size)
        self._threads = Threads(file)

    @property
    def durability(self) -> str:
        """When SQLite waits for the disk, as reports of the conformance kit show it."""
        return f"synchronous={self._synchronous}"

    def __repr__(self) -> str:
        return f"SqlitePersistenceEngine({self._path!r})"

    def __del__(self) -> None:
        # A constructor that failed left no attributes.
        if "_threads" in self.__dict__ and self._threads.are_left_open:
            warnings.warn(f"{self!r} was not closed: await aclose()", ResourceWarning, stacklevel=1, source=self)

    # --- lifecycle ---------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._threads.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes the file. Goes on when it is cancelled. Can be called again."""
        await self._threads.aclose()

    # --- PersistenceEngine -------------------------------------------------------------------------------------

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        self._threads.check_usable()
        check_window(after, limit)
        wanted = frozenset(check_tags(tags))
        after, left = min(after, MAX_SEQUENCE_NUMBER), min(limit or 0, MAX_SEQUENCE_NUMBER)
        rows = None if wanted or limit is None else left
        size = self._page_size if rows is None else min(rows, self._page_size)
        left = MAX_SEQUENCE_NUMBER if limit is None else left
        fetch = partial(self._page, check_key(key), size)
        async with aclosing(pages(after, rows, fetch)) as stream:
            async for page in stream:
                for event in islice(decoded(key, page, wanted), left):
                    left -= 1
                    yield event
                    if self._threads.is_closed:
                        self._threads.check_usable()
                if left == 0:
                    return

    async def _page(self, key: str, size: int, after: int) -> Page:
        return await self._threads.read(self._threads.reader.page, key, after, size)

    async def persist(self, event: PersistedEvent) -> None:
        self._threads.check_usable()
        check_batch((event,))
        row = event_row(event)
        await self._threads.write(Append((row,)), size_of(row))

    # --- AtomicBatches -----------------------------------------------------------------------------------------

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        self._threads.check_usable()
        check_batch(events)
        rows = [event_row(event) for event in events]
        if rows:
            await self._threads.write(Append(rows), sum(map(size_of, rows)))

    # --- EventDeletion, HighestSequenceNumber, KeyListing ------------------------------------------------------

    async def delete_events(self, key: str, *, up_to: int) -> None:
        """Some thousand events a transaction: of more than that, the newest are gone first until it returns."""
        self._threads.check_usable()
        item = DeleteEvents(check_key(key), check_up_to(up_to))
        while not item.is_done:
            await self._threads.write(item)

    async def highest_sequence_number(self, key: str) -> int:
        return await self._threads.read(self._threads.reader.highest, check_key(key))

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        """In the order of their code points."""
        self._threads.check_usable()
        start = check_prefix(prefix)
        inclusive, found = True, [start]
        while found:
            found = await self._threads.read(self._threads.reader.keys, start, inclusive, self._page_size)
            for key in found:
                if not key.startswith(prefix):
                    return
                yield key
                if self._threads.is_closed:
                    self._threads.check_usable()
                start, inclusive = key, False

    # --- SnapshotStore -----------------------------------------------------------------------------------------

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        limit = MAX_SEQUENCE_NUMBER if up_to is None else check_up_to(up_to)
        row = await self._threads.read(self._threads.reader.snapshot, check_key(key), limit)
        return None if row is None else stored_snapshot(key, row)

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        self._threads.check_usable()
        row = snapshot_row(snapshot)
        await self._threads.write(PutSnapshot(row), size_of(row))

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        self._threads.check_usable()
        await self._threads.write(DeleteSnapshots(check_key(key), check_up_to(up_to)))
