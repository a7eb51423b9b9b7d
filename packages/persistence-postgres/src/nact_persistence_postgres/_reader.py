"""Reads: every call is one short transaction, and holds nothing afterwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Iterator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

import asyncpg

from nact.errors import CorruptJournalError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.paging import prefetched
from nact_persistence_postgres._rows import stored_event, stored_snapshot
from nact_persistence_postgres._sessions import Connection, Sessions
from nact_persistence_postgres._tables import Tables

_PAGE_BYTES = 1024 * 1024
"""As Postgres stores them: a page ends with the event that fills it."""


class Page(NamedTuple):
    """The events of a key that follow the number `after`, and whether there are no more behind them."""

    after: int
    rows: Sequence[asyncpg.Record]
    is_last: bool

    def events(self, key: str, *, dense: bool) -> Iterator[PersistedEvent]:
        """What the rows hold.

        Raises:
            CorruptJournalError: One is missing (if it has to be `dense`) or can't be read. What lies before a
                tombstone may be missing.
        """
        before = self.after
        for number, data, created_at, is_deleted, tags, event_id, _ in self.rows:
            if dense and number != before + 1 and not is_deleted:
                raise CorruptJournalError(f"it is missing, and the next one is {number}", key, before + 1)
            before = number
            yield stored_event(key, (number, data, created_at, is_deleted, tags, event_id))


class Reader:
    """What the engine reads.

    Args:
        tables: Where from.
        sessions: Over which connections.
        page_size: At most so many rows at once.
    """

    def __init__(self, tables: Tables, sessions: Sessions, page_size: int) -> None:
        self._tables = tables
        self._sessions = sessions
        self._page_size = page_size

    async def pages(self, key: str, after: int, limit: int | None, tags: Sequence[str]) -> AsyncGenerator[Page]:
        """The pages behind `after`, up to `limit` events: the next one is fetched while this one is consumed."""

        def behind(page: Page) -> Coroutine[Any, Any, Page] | None:
            nonlocal limit
            limit = None if limit is None else limit - len(page.rows)
            return None if page.is_last or limit == 0 else self._page(key, page.rows[-1][0], limit, tags)

        async with aclosing(prefetched(self._page(key, after, limit, tags), behind)) as pages:
            async for page in pages:
                yield page

    async def highest(self, key: str) -> int:
        return int(await self._value(self._tables.sql.highest, key))

    async def snapshot(self, key: str, up_to: int) -> PersistedSnapshot | None:
        rows = await self._rows(self._tables.sql.latest_snapshot, key, up_to)
        return stored_snapshot(key, tuple(rows[0])) if rows else None

    async def delete_snapshots(self, key: str, up_to: int) -> None:
        await self._rows(self._tables.sql.delete_snapshots, key, up_to)

    async def keys(self, start: str, *, inclusive: bool) -> list[str]:
        """Some keys from `start` on, in the order of the column."""
        rows = await self._rows(self._tables.sql.keys(inclusive=inclusive), start, self._page_size)
        return [row[0] for row in rows]

    async def _page(self, key: str, after: int, limit: int | None, tags: Sequence[str]) -> Page:
        size = self._page_size if limit is None else min(limit, self._page_size)
        arguments = [key, after, size, _PAGE_BYTES, tags] if tags else [key, after, size, _PAGE_BYTES]
        rows = await self._rows(self._tables.sql.page(tagged=bool(tags)), *arguments)
        return Page(after, rows, is_last=not rows or (len(rows) < size and rows[-1][6] < _PAGE_BYTES))

    async def _rows(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        async def fetch(connection: Connection) -> list[asyncpg.Record]:
            return await connection.fetch(statement, *arguments)

        return await self._sessions.run(fetch, self._sessions.trying())

    async def _value(self, statement: str, *arguments: object) -> Any:
        return (await self._rows(statement, *arguments))[0][0]
