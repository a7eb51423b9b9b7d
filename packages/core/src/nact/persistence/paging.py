"""Pages as a stream: how an engine replays a journal without holding anything while the consumer works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeVar

from nact.persistence._tasks import take_note

Page = TypeVar("Page")


async def prefetched(
    first: Page, fetch_behind: Callable[[Page], Coroutine[Any, Any, Page] | None]
) -> AsyncGenerator[Page]:
    """The page `first` and those behind it; each is fetched while the one before is consumed.

    Close it (`contextlib.aclosing`), and the fetch that is under way is cancelled. An error of a fetch is raised where
    its page would have come: never does the stream just end early.

    Args:
        first: The page to begin with.
        fetch_behind: Begins to fetch what comes behind a page, or tells by `None` that it is the last. Called before
            the page is handed out.
    """
    page = first
    while (fetch := fetch_behind(page)) is not None:
        coming = asyncio.create_task(fetch, name="nact next page")
        coming.add_done_callback(take_note)
        try:
            yield page
            page = await coming
        finally:
            coming.cancel()
    yield page
