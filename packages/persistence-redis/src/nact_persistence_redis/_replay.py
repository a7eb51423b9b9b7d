"""Turns pages into a stream: the next page is fetched while this one is consumed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any, TypeAlias

from nact.errors import CorruptJournalError
from nact.persistence import PersistedEvent
from nact.persistence.paging import prefetched
from nact_persistence_redis._reader import Page
from nact_persistence_redis._records import Entry, entry_number, stored_event, stored_tags

FetchPage: TypeAlias = Callable[[int, int], Coroutine[Any, Any, Page]]
"""Reads the page behind a sequence number, with at most so many events."""

_FIRST = 64
_BYTES = 1024 * 1024


class Replay:
    """One replay of one key.

    The first page has few events; how many the others have is reckoned from their sizes, up to `page_size`.

    Args:
        key: The persistence key.
        after: The sequence number to begin behind.
        limit: At most so many events; `None` for all.
        tags: Only events that carry all of these.
        page_size: At most so many events are read at once.
    """

    def __init__(self, key: str, after: int, limit: int | None, tags: frozenset[str], page_size: int) -> None:
        self._key = key
        self._position = after
        self._left = limit
        self._tags = tags
        self._page_size = page_size

    async def events(self, fetch: FetchPage) -> AsyncGenerator[PersistedEvent]:
        """The events. Holds nothing while the consumer works, but a page that is on its way."""
        if self._left == 0:
            return
        first = fetch(self._position, self._fitting(_FIRST))
        async with aclosing(prefetched(first, partial(self._fetch_behind, fetch))) as pages:
            async for page in pages:
                for event in self._decoded(*self._live(page)):
                    self._left = None if self._left is None else self._left - 1
                    yield event
                    if self._left == 0:
                        return

    def _live(self, page: Page) -> tuple[PersistedEvent | None, list[Entry]]:
        """The tombstone, if the gap before the entries is its, and the entries behind it."""
        tombstone, entries = page.tombstone, page.entries
        is_gap = not entries or entry_number(self._key, entries[0]) > self._position + 1
        if tombstone is None or not is_gap or tombstone.sequence_number <= self._position:
            return None, [entry for entry in entries if entry_number(self._key, entry) > self._position]
        number = tombstone.sequence_number
        return tombstone, [entry for entry in entries if entry_number(self._key, entry) > number]

    def _fetch_behind(self, fetch: FetchPage, page: Page) -> Coroutine[Any, Any, Page] | None:
        is_filled = self._left is not None and not self._tags and len(page.entries) >= self._left
        if page.is_last or (is_filled and page.tombstone is None):
            return None
        average = sum(map(_length, page.entries)) // len(page.entries)
        last = entry_number(self._key, page.entries[-1])
        return fetch(last, self._fitting(_BYTES // (average + 1)))

    def _fitting(self, count: int) -> int:
        count = max(1, min(count, self._page_size))
        return count if self._left is None or self._tags else min(count, self._left)

    def _decoded(self, tombstone: PersistedEvent | None, entries: list[Entry]) -> Iterator[PersistedEvent]:
        """The events that carry the tags.

        Raises:
            CorruptJournalError: One is missing (not checked with tags) or can't be read.
        """
        key, wanted = self._key, self._tags
        if tombstone is not None:
            self._position = tombstone.sequence_number
            if not wanted:
                yield tombstone
        for entry in entries:
            number = entry_number(key, entry)
            if number != self._position + 1 and not wanted:
                reason = f"it is missing, and the next one is {number}"
                raise CorruptJournalError(reason, key, self._position + 1)
            self._position = number
            tags = stored_tags(key, number, entry)
            if not wanted or wanted.issubset(tags):
                yield stored_event(key, number, tags, entry)


def _length(entry: Entry) -> int:
    return sum(map(len, entry[1]))
