"""Replays a journal: makes a stream of pages, and fetches the next one while the consumer uses this one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any

from nact.errors import CorruptJournalError
from nact.persistence import PersistedEvent
from nact.persistence.building.paging import prefetched
from nact.persistence.records import MAX_SEQUENCE_NUMBER
from nact_persistence_mongo._documents.decoding import events_in
from nact_persistence_mongo._reading.reader import Documents, Page, Reader

_FIRST_PAGE = 64


class Replay:
    """One replay of one key.

    The first page has few documents; later ones have up to `page_size`, or fewer if they are large.

    Args:
        key: The persistence key.
        after: The sequence number after which to begin.
        limit: The most events to yield; `None` for all.
        tags: Only events that carry all of these are yielded.
        page_size: The most documents to read at once.
    """

    def __init__(self, key: str, after: int, limit: int | None, tags: frozenset[str], page_size: int) -> None:
        self._key = key
        self._position = min(after, MAX_SEQUENCE_NUMBER)  # no event is after that
        self._left = limit
        self._tags = tags
        self._page_size = page_size
        self._arriving = 0

    async def events(self, reader: Reader) -> AsyncGenerator[PersistedEvent]:
        """The events. While the consumer works, it holds nothing except the page that is being fetched."""
        if self._left == 0:
            return
        begin = self._first(reader)
        while True:
            async with aclosing(prefetched(begin, partial(self._fetch_next, reader))) as pages:
                async for page in pages:
                    for event in self._chosen(page.documents):
                        self._left = None if self._left is None else self._left - 1
                        yield event
                        if self._left == 0:
                            return
            if not page.is_last or self._position >= self._arriving:
                return
            begin = self._wait(reader, page)

    async def _first(self, reader: Reader) -> Page:
        """The first page: it may begin within a document."""
        if self._position == 0 and await reader.without_events.is_known_empty(self._key):
            return Page([], 0, is_inside=False, is_last=True)
        first = reader.page(self._key, self._position, self._asked(_FIRST_PAGE))
        page, self._arriving = await asyncio.gather(first, reader.arriving(self._key))
        if self._position == 0 or _first_number(page) == self._position + 1:
            return page
        rest = await reader.rest(self._key, self._position)
        return rest if rest.documents else page

    async def _wait(self, reader: Reader, page: Page) -> Page:
        """Waits for events that were written but not confirmed when the replay began, until they are, or are gone."""
        retry = reader.new_retry()
        while True:
            await retry.pause()
            page = await reader.page(self._key, page.end, self._asked(_FIRST_PAGE))
            if page.documents:
                return page
            self._arriving = min(self._arriving, await reader.arriving(self._key))
            if self._position >= self._arriving:
                return page

    def _fetch_next(self, reader: Reader, page: Page) -> Coroutine[Any, Any, Page] | None:
        is_filled = self._left is not None and not self._tags and len(page.documents) >= self._left
        if page.is_last or is_filled or any(not isinstance(document, dict) for document in page.documents):
            return None
        if page.is_inside:
            return reader.rest(self._key, page.end)
        return reader.page(self._key, page.end, self._asked(self._page_size))

    def _asked(self, count: int) -> int:
        count = min(count, self._page_size)
        return count if self._left is None or self._tags else min(count, self._left)

    def _chosen(self, documents: Documents) -> Iterator[PersistedEvent]:
        """The events of the documents that carry the tags.

        Raises:
            CorruptJournalError: An event is missing (not checked with tags), or can't be read.
        """
        for document in documents:
            if not isinstance(document, dict):
                raise CorruptJournalError(f"it isn't readable BSON: {document}", self._key, self._position + 1)
            for event in events_in(self._key, document):
                number = event.sequence_number
                if number <= self._position:
                    continue
                if number != self._position + 1 and not event.is_deleted and not self._tags:
                    reason = f"it is missing, and the next one is {number}"
                    raise CorruptJournalError(reason, self._key, self._position + 1)
                self._position = number
                if not self._tags or self._tags.issubset(event.tags):
                    yield event


def _first_number(page: Page) -> object:
    first = page.documents[0] if page.documents else None
    if not isinstance(first, dict):
        return None
    return first.get("sequence_number")
