"""Group commit for a journal that is read by the side: what was cancelled shows in the next read, or never."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from nact.persistence import GroupCommit, Outcome

T = TypeVar("T")

_MAX_ITEMS = 500
"""In a batch: with a thousand writers, one half works while the database stores the events of the other."""


class Commits(Generic[T]):
    """A `GroupCommit` that knows which keys have writes in flight that nobody waits for any more.

    Args:
        write: As for `GroupCommit`.
    """

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[Sequence[Outcome]]]) -> None:
        self._write = write
        self._group: GroupCommit[T] = GroupCommit(self._write_batch, max_items=_MAX_ITEMS)
        self._in_flight: asyncio.Future[None] | None = None
        self._abandoned: set[str] = set()

    async def submit(self, key: str, item: T, size: int) -> None:
        """Returns when the item is stored, or raises its outcome."""
        try:
            await self._group.submit(item, size=size)
        except asyncio.CancelledError:
            if self._in_flight is not None:
                self._abandoned.add(key)
            raise

    async def settled(self, key: str | None = None) -> None:
        """Returns when a write to the key (or any) that was cancelled is stored, or won't be."""
        while self._in_flight is not None and (key in self._abandoned or (key is None and self._abandoned)):
            await asyncio.wait([self._in_flight])

    async def aclose(self) -> None:
        """Refuses new items, and returns when those already submitted are written."""
        await self._group.aclose()

    async def _write_batch(self, items: Sequence[T]) -> Sequence[Outcome]:
        self._in_flight = asyncio.get_running_loop().create_future()
        try:
            return await self._write(items)
        finally:
            self._in_flight.set_result(None)
            self._in_flight = None
            self._abandoned.clear()
