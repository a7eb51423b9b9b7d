"""Streams a journal page by page, so that the engine holds no connection while the consumer works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from nact.persistence.building.errors import mark_retrieved

Page = TypeVar("Page")


async def prefetched(
    first: Awaitable[Page], fetch_next: Callable[[Page], Coroutine[Any, Any, Page] | None]
) -> AsyncGenerator[Page]:
    """Yields pages, and fetches each one while the consumer works on the one before. It keeps two pages at most.

    Closing the stream (`contextlib.aclosing`) cancels the fetch in progress. If a fetch fails, the stream raises its
    error in place of the page: it never just ends early.

    Args:
        first: Fetches the first page.
        fetch_next: Returns a coroutine that fetches the page after the given one, or `None` if that is the last. It is
            called before the given page is yielded.
    """
    page = await first  # an awaitable, since arguments live as long as the stream: a page would stay in memory
    while (fetch := fetch_next(page)) is not None:
        coming = asyncio.create_task(fetch, name="nact next page")
        coming.add_done_callback(mark_retrieved)
        try:
            await asyncio.sleep(0)  # starts the fetch now: the consumer may not suspend before the page's end
            yield page
            page = await coming
        finally:
            coming.cancel()
    yield page
