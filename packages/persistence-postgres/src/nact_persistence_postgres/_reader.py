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

_LARGE = 2048
"""Bytes, as Postgres stores them. Of smaller ones a page can have any number; the larger ones are counted."""

_PAGE_BYTES = 1024 * 1024
"""A page of large ones ends with the one that fills it."""


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
        for row in self.rows:
            number = row[0]
            if dense and number != before + 1 and not row[3]:
                raise CorruptJournalError(f"it is missing, and the next one is {number}", key, before + 1)
            before = number
            yield stored_event(key, row)


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
        window = [key, after, size]
        rows = await self._rows(self._tables.sql.page(tagged=bool(tags)), *window, _LARGE, *([tags] if tags else []))
        for place, row in enumerate(rows):
            if row[1] is None:
                return await self._page_before(place, rows, window, tags)
        return Page(after, rows, is_last=len(rows) < size)

    async def _page_before(
        self, place: int, rows: Sequence[asyncpg.Record], window: list[Any], tags: Sequence[str]
    ) -> Page:
        """The page up to the place of large data; if that comes first, large ones, as many as are good at once."""
        key, after, size = window
        if place:
            return Page(after, rows[:place], is_last=False)
        statement = self._tables.sql.page_of_large(tagged=bool(tags))
        rows = await self._rows(statement, key, after, size, _PAGE_BYTES, *([tags] if tags else []))
        return Page(after, rows, is_last=not rows)

    async def _rows(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        async def fetch(connection: Connection) -> list[asyncpg.Record]:
            return await connection.fetch(statement, *arguments)

        return await self._sessions.run(fetch, self._sessions.trying())

    async def _value(self, statement: str, *arguments: object) -> Any:
        return (await self._rows(statement, *arguments))[0][0]
