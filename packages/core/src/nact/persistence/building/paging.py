"""Pages as a stream: how an engine replays a journal without holding anything while the consumer works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from nact.persistence.building.errors import mark_retrieved

Page = TypeVar("Page")


async def prefetched(
    first: Awaitable[Page], fetch_behind: Callable[[Page], Coroutine[Any, Any, Page] | None]
) -> AsyncGenerator[Page]:
    """The first page and those behind it; each is fetched while the one before is consumed.

    Close it (`contextlib.aclosing`), and the fetch that is under way is cancelled. An error of a fetch is raised where
    its page would have come: never does the stream just end early. No more than two pages are kept.

    Args:
        first: Fetches the page to begin with.
        fetch_behind: Begins to fetch what comes behind a page, or tells by `None` that it is the last. Called before
            the page is handed out.
    """
    page = await first  # and not given as such: the arguments live as long as the stream
    while (fetch := fetch_behind(page)) is not None:
        coming = asyncio.create_task(fetch, name="nact next page")
        coming.add_done_callback(mark_retrieved)
        try:
            await asyncio.sleep(0)  # so that it asks now: the consumer may not come to wait before the page's end
            yield page
            page = await coming
        finally:
            coming.cancel()
    yield page
