from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any

import pytest

from nact.persistence.building.paging import prefetched

pytestmark = pytest.mark.anyio


class Book:
    """Pages 1 to `last`; remembers what was asked for."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.asked: list[int] = []
        self.ended: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.torn: int | None = None

    async def first(self) -> int:
        return 1

    def behind(self, page: int) -> Coroutine[Any, Any, int] | None:
        return None if page == self.last else self._fetch(page + 1)

    async def _fetch(self, page: int) -> int:
        self.asked.append(page)
        try:
            await self.gate.wait()
            if page == self.torn:
                raise ConnectionError(f"page {page}")
            return page
        finally:
            self.ended.append(page)


def pages_of(book: Book) -> AsyncGenerator[int]:
    return prefetched(book.first(), book.behind)


async def test_every_page_comes_once_and_in_order() -> None:
    assert [page async for page in pages_of(Book(5))] == [1, 2, 3, 4, 5]


async def test_a_single_page_is_the_last_one() -> None:
    assert [page async for page in pages_of(Book(1))] == [1]


async def test_the_next_page_is_fetched_while_this_one_is_consumed() -> None:
    book = Book(3)
    async with aclosing(pages_of(book)) as pages:
        assert await anext(pages) == 1
        await asyncio.sleep(0)
        assert book.asked == [2]


async def test_an_error_is_raised_where_its_page_would_have_come() -> None:
    book = Book(5)
    book.torn = 3
    pages = pages_of(book)
    assert [await anext(pages), await anext(pages)] == [1, 2]
    with pytest.raises(ConnectionError, match="page 3"):
        await anext(pages)


async def test_closing_cancels_the_fetch_under_way() -> None:
    book = Book(3)
    book.gate.clear()
    async with aclosing(pages_of(book)) as pages:
        await anext(pages)
        await asyncio.sleep(0)
        assert book.ended == []
    await asyncio.sleep(0)
    assert book.ended == [2]


async def test_what_a_fetch_raises_when_it_is_cancelled_isnt_logged(caplog: pytest.LogCaptureFixture) -> None:
    begun = asyncio.Event()

    async def fetch() -> int:
        begun.set()
        try:
            await asyncio.Future()
        finally:
            raise ConnectionError("cut off")

    async with aclosing(prefetched(Book(2).first(), lambda _: fetch())) as pages:
        await anext(pages)
        await begun.wait()
    await asyncio.sleep(0)
    gc.collect()
    assert not caplog.records


async def test_only_the_page_at_hand_and_the_next_one_are_kept() -> None:
    class Page:
        pass

    alive: weakref.WeakSet[Page] = weakref.WeakSet()
    counts = []

    async def fetch() -> Page:
        page = Page()
        alive.add(page)
        return page

    async with aclosing(prefetched(fetch(), lambda _: fetch())) as pages:
        async for _ in pages:
            await asyncio.sleep(0)
            counts.append(len(alive))
            if len(counts) == 5:
                break
    assert counts == [2] * 5


async def test_the_next_page_is_asked_for_by_when_this_one_is_there() -> None:
    book = Book(3)
    async with aclosing(prefetched(book.first(), book.behind)) as pages:
        assert [(page, list(book.asked)) async for page in pages] == [(1, [2]), (2, [2, 3]), (3, [2, 3])]
