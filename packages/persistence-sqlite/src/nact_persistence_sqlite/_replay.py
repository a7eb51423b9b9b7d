"""Turns pages into a stream. The next page is fetched while this one is consumed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing
from typing import Any, TypeAlias

from nact.errors import CorruptJournalError
from nact.persistence import PersistedEvent
from nact.persistence.building.paging import prefetched
from nact_persistence_sqlite._reader import Page
from nact_persistence_sqlite._rows import stored_event, stored_tags

FetchPage: TypeAlias = Callable[[int], Coroutine[Any, Any, Page]]
"""Reads the page after a sequence number."""


async def pages(after: int, rows: int | None, fetch: FetchPage) -> AsyncGenerator[Page]:
    """The pages after a number, until they hold `rows` rows or there are no more."""

    def following(page: Page) -> Coroutine[Any, Any, Page] | None:
        nonlocal rows
        rows = None if rows is None else rows - len(page.rows)
        return None if page.is_last or (rows is not None and rows <= 0) else fetch(page.rows[-1][0])

    async with aclosing(prefetched(fetch(after), following)) as stream:
        async for page in stream:
            yield page


def decoded(key: str, page: Page, wanted: frozenset[str]) -> Iterator[PersistedEvent]:
    """The events on a page that carry all the wanted tags.

    Raises:
        CorruptJournalError: One is missing (not checked with tags) or can't be read. Events before a tombstone may be
            missing.
    """
    expected = page.after + 1
    for row in page.rows:
        number = row[0]
        if number != expected and row[4] != 1 and not wanted:
            raise CorruptJournalError(f"it is missing, and the next one is {number}", key, expected)
        expected = number + 1
        tags = () if row[2] == b"[]" else stored_tags(key, row)
        if not wanted or wanted.issubset(tags):
            yield stored_event(key, row, tags)
