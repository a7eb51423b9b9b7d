"""Replays a journal as a stream: fetches the next page while the consumer works on this one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any, TypeAlias

from nact.errors import CorruptJournalError
from nact.persistence import PersistedEvent
from nact.persistence.building.paging import prefetched
from nact_persistence_redis._reading.reader import Page
from nact_persistence_redis._statements.records import entry_number, page_size, stored_event

FetchPage: TypeAlias = Callable[[int, int], Coroutine[Any, Any, Page]]
"""Reads the page after a sequence number, with a largest number of events."""

_FIRST_PAGE = 64
_PAGE_BYTES = 1024 * 1024
_BESIDE_DATA = 100
"""About this many bytes of an entry aren't data."""


class Replay:
    """One replay of one key.

    The first page has few events. The size of each later page follows from the size of the events before it.

    Args:
        key: The persistence key.
        after: The sequence number before the first event.
        limit: How many events are wanted at most; `None` for all.
        tags: Only events that carry all of these.
        page_size: How many events are read at once at most.
    """

    def __init__(self, key: str, after: int, limit: int | None, tags: frozenset[str], page_size: int) -> None:
        self._key = key
        self._position = after
        self._left = limit
        self._tags = tags
        self._page_size = page_size

    async def pages(self, fetch: FetchPage) -> AsyncGenerator[Page]:
        """Pages until there are enough events. While the consumer works, this holds nothing but a page on its way."""
        if self._left == 0:
            return
        first = fetch(self._position, self._fitting(_FIRST_PAGE))
        async with aclosing(prefetched(first, partial(self._fetch_next, fetch))) as pages:
            async for page in pages:
                yield page
                if self._left == 0:
                    return

    def events(self, page: Page) -> Iterator[PersistedEvent]:
        """The page's events that carry the tags, up to the number that is still wanted.

        Raises:
            CorruptJournalError: One is missing (not checked with tags) or can't be read.
        """
        for event in self._decoded(page):
            if self._left is not None:
                self._left -= 1
            yield event
            if self._left == 0:
                return

    def _decoded(self, page: Page) -> Iterator[PersistedEvent]:
        entries = page.entries
        if page.tombstones and (not entries or entry_number(self._key, entries[0]) > self._position + 1):
            self._position = page.tombstones[-1].sequence_number
            entries = [entry for entry in entries if entry_number(self._key, entry) > self._position]
            if not self._tags:
                yield from page.tombstones
        key, tags = self._key, self._tags
        for entry in entries:
            self._position += 1
            if entry[0] != b"%d-0" % self._position:
                self._skip_to(entry_number(key, entry))
            event = stored_event(key, self._position, entry[1], tags)
            if event is not None:
                yield event

    def _skip_to(self, number: int) -> None:
        if not self._tags:
            raise CorruptJournalError(f"it is missing, and the next one is {number}", self._key, self._position)
        self._position = number

    def _fetch_next(self, fetch: FetchPage, page: Page) -> Coroutine[Any, Any, Page] | None:
        is_filled = self._left is not None and not self._tags and len(page.entries) >= self._left
        if page.is_last or (is_filled and not page.tombstones):
            return None
        average = page_size(page.entries) // len(page.entries)
        last = entry_number(self._key, page.entries[-1])
        return fetch(last, self._fitting(_PAGE_BYTES // (average + _BESIDE_DATA)))

    def _fitting(self, count: int) -> int:
        count = max(1, min(count, self._page_size))
        return count if self._left is None or self._tags else min(count, self._left)
