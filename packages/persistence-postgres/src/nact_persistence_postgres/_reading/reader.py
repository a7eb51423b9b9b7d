"""Reads events, snapshots and keys. Each call is one short transaction, and holds nothing afterwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import asyncpg

from nact.persistence import PersistedSnapshot
from nact.persistence.building.paging import prefetched
from nact_persistence_postgres._connections.connection import Connection, confirm
from nact_persistence_postgres._connections.runner import Runner
from nact_persistence_postgres._reading.pages import Page, Window
from nact_persistence_postgres._reading.shared_reads import SharedQuery
from nact_persistence_postgres._statements.rows import Rows, listed, stored_snapshot
from nact_persistence_postgres._statements.tables import Tables

_LARGE = 2048
"""Bytes, as Postgres stores them. A page can have any number of smaller events; the sizes of larger ones are summed."""

_FIRST = 100
"""Events in the first page where several keys are read at once. Most journals are shorter, or have a snapshot."""

_PAGE_BYTES = 1024 * 1024
"""A page of large events ends with the one that brings it to this size."""


class Reader:
    """Reads the journal's tables.

    Args:
        tables: The tables.
        runner: Runs the statements.
        page_size: The most rows that are read at once.
    """

    def __init__(self, tables: Tables, runner: Runner, page_size: int) -> None:
        self._tables = tables
        self._runner = runner
        self._page_size = page_size
        self._first_pages = SharedQuery(self._fetch_first_pages)
        self._snapshots = SharedQuery(self._fetch_snapshots)

    async def aclose(self) -> None:
        """Returns when the reads of several keys that are under way have ended."""
        await self._first_pages.aclose()
        await self._snapshots.aclose()

    async def pages(self, key: str, after: int, limit: int | None, tags: Sequence[str]) -> AsyncGenerator[Page]:
        """The pages after `after`, up to `limit` events. The next page is fetched while this one is consumed."""

        def following(page: Page) -> Coroutine[Any, Any, Page] | None:
            nonlocal limit
            limit = None if limit is None else limit - len(page.rows)
            return None if page.is_last or limit == 0 else self._page(key, page.rows[-1][0], limit, tags)

        first = self._page(key, after, limit, tags) if tags else self._first_page(key, after, limit)
        async with aclosing(prefetched(first, following)) as pages:
            async for page in pages:
                yield page

    async def highest(self, key: str) -> int:
        return int(await self._value(self._tables.sql.highest, key))

    async def snapshot(self, key: str, up_to: int) -> PersistedSnapshot | None:
        alone = partial(self._rows, self._tables.sql.latest_snapshot, key, up_to)
        rows = await self._snapshots.rows((key, up_to), alone)
        return stored_snapshot(key, rows[0]) if rows else None

    async def delete_snapshots(self, key: str, up_to: int) -> None:
        async def delete(connection: Connection) -> str:
            tag = await connection.execute(self._tables.sql.delete_snapshots, key, up_to)
            if tag == "DELETE 0":
                await confirm(connection)  # an earlier call may have deleted them, and not been told
            return tag

        await self._runner.run(delete, self._runner.attempts(), writes=True)

    async def keys(self, start: str, *, inclusive: bool) -> list[str]:
        """Some keys from `start` on, in the order of the column."""
        rows = await self._rows(self._tables.sql.keys(inclusive=inclusive), start, self._page_size)
        return [row[0] for row in rows]

    async def _first_page(self, key: str, after: int, limit: int | None) -> Page:
        """A short page if other keys are read as well: all that their statement returns is in memory at once."""
        alone: Page | None = None

        async def read_alone() -> Rows:
            nonlocal alone
            alone = await self._page(key, after, limit, ())
            return alone.rows

        size = min(_FIRST if limit is None else limit, _FIRST, self._page_size)
        rows = await self._first_pages.rows((key, after, size), read_alone)
        return alone or await self._checked_page(Window(key, after, size, ()), rows)

    async def _fetch_first_pages(self, keys: Sequence[str], after: Sequence[int], sizes: Sequence[int]) -> Rows:
        return await self._rows(self._tables.sql.first_pages, keys, listed(after), listed(sizes), _LARGE)

    async def _fetch_snapshots(self, keys: Sequence[str], up_to: Sequence[int]) -> Rows:
        return await self._rows(self._tables.sql.latest_snapshots, keys, listed(up_to))

    async def _page(self, key: str, after: int, limit: int | None, tags: Sequence[str]) -> Page:
        size = self._page_size if limit is None else min(limit, self._page_size)
        window = Window(key, after, size, tags)
        return await self._checked_page(window, await self._window(self._tables.sql.page, window, _LARGE))

    async def _checked_page(self, window: Window, rows: Rows) -> Page:
        """The page of these rows, up to the first large event. If that comes first: a page of large ones."""
        place = next((place for place, row in enumerate(rows) if row[1] is None), None)
        if place is None:
            return Page(window.after, rows, is_last=len(rows) < window.size)
        if place == 0:
            rows = await self._window(self._tables.sql.page_of_large, window, _PAGE_BYTES)
            return Page(window.after, rows, is_last=not rows)
        return Page(window.after, rows[:place], is_last=False)

    async def _window(self, statement: Callable[..., str], window: Window, size: int) -> Rows:
        key, after, count, tags = window
        return await self._rows(statement(tagged=bool(tags)), key, after, count, size, *([tags] if tags else []))

    async def _rows(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        has_standby = self._runner.has_standby

        async def fetch(connection: Connection) -> list[asyncpg.Record]:
            rows = await connection.fetch(statement, *arguments)
            if rows and has_standby:
                # A commit whose wait for the standby was cut short can be seen, and be lost in a failover. An actor
                # that had made a state of it would contradict the journal from then on.
                await confirm(connection)
            return rows

        return await self._runner.run(fetch, self._runner.attempts(), writes=has_standby)

    async def _value(self, statement: str, *arguments: object) -> Any:
        return (await self._rows(statement, *arguments))[0][0]
