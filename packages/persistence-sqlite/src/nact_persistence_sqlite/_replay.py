"""Turns pages into a stream: the next page is fetched while this one is consumed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from typing import Any, TypeAlias

from nact.errors import CorruptJournalError
from nact.persistence import PersistedEvent
from nact_persistence_sqlite._reader import Page
from nact_persistence_sqlite._rows import stored_event, stored_tags

FetchPage: TypeAlias = Callable[[int], Coroutine[Any, Any, Page]]
"""Reads the page behind a sequence number."""


async def pages(after: int, rows: int | None, fetch: FetchPage) -> AsyncGenerator[Page]:
    """The pages behind `after`, until they hold `rows` rows or there are no more."""
    page = await fetch(after)
    while True:
        rows = None if rows is None else rows - len(page.rows)
        if page.is_last or (rows is not None and rows <= 0):
            yield page
            return
        coming = asyncio.create_task(fetch(page.rows[-1][0]))
        coming.add_done_callback(_look_at)
        try:
            yield page
            page = await coming
        finally:
            coming.cancel()


def decoded(key: str, page: Page, wanted: frozenset[str]) -> Iterator[PersistedEvent]:
    """The events on a page that carry all the wanted tags.

    Raises:
        CorruptJournalError: One is missing or can't be read. What lies before a tombstone may be missing.
    """
    expected = page.after + 1
    for row in page.rows:
        number = row[0]
        if number != expected and row[4] != 1:
            raise CorruptJournalError(f"it is missing, and the next one is {number}", key, expected)
        expected = number + 1
        tags = stored_tags(key, row)
        if not wanted or wanted.issubset(tags):
            yield stored_event(key, row, tags)


def _look_at(fetched: asyncio.Task[Page]) -> None:
    """Nobody may be left to hear of an error; asyncio would log that."""
    if not fetched.cancelled():
        fetched.exception()
