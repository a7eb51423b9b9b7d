"""Group commit where reads go over other connections: a cancelled write shows in the next read, or never."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeAlias, TypeVar

from nact.errors import EngineClosedError, OutcomeUnknownError
from nact.persistence.building.group_commit import GroupCommit, Outcome, note_batch

T = TypeVar("T")
WriteAlone: TypeAlias = Callable[[T, Callable[[bool], None]], bool]

_MAX_ITEMS = 500
"""Items in a batch. With a thousand writers, one half works while the database stores the events of the other."""


class Commits(Generic[T]):
    """A `GroupCommit` that knows the keys with writes in flight whose callers were cancelled.

    A lone writer, as the last batch shows, has its next write begin at once instead of in the loop's next pass. Writes
    that arrive meanwhile wait for it, as for a batch.

    `nact.persistence.building.in_flight` isn't used here: by that, a read would wait for each write of its key, not
    only for cancelled ones.

    Args:
        write: As for `GroupCommit`. It recognises items that were written before.
        write_alone: Begins to write an item, and calls back in a later pass with true if it is certainly stored.
            Returns false, and does nothing, if it can't.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[Outcome]]],
        write_alone: WriteAlone[T] | None = None,
    ) -> None:
        self._write = write
        self._write_alone = write_alone
        self._group: GroupCommit[T] = GroupCommit(self._begin_batch, max_items=_MAX_ITEMS)
        self._waiting = 0  # for the group
        self._was_alone = False
        self._flights: list[_Flight] = []
        self._closed = False

    async def submit(self, key: str, item: T, size: int) -> None:
        """Returns when the item is stored, or raises its outcome."""
        try:
            if self._was_alone and await self._stored_alone(item):
                return
            self._waiting += 1
            try:
                await self._group.submit(item, size=size)
            finally:
                self._waiting -= 1
        except asyncio.CancelledError:
            for flight in self._flights:
                flight.abandoned.add(key)
            raise

    async def settled(self, key: str | None = None) -> None:
        """Returns when no write of the key (or of any) is in flight whose caller was cancelled."""
        for flight in self._flights.copy():
            if flight.abandoned and (key is None or key in flight.abandoned):
                await asyncio.wait([flight.landed])

    async def aclose(self) -> None:
        """Refuses new items, and returns when those already submitted are written."""
        self._closed = True
        await self._group.aclose()
        for flight in self._flights.copy():
            await asyncio.wait([flight.landed])

    # --- together ----------------------------------------------------------------------------------------------

    def _begin_batch(self, items: Sequence[T]) -> Awaitable[Sequence[Outcome]]:
        # Not a coroutine function, so that the flight is there as soon as the items have left the queue.
        before, mine = self._flights.copy(), _Flight()
        self._flights.append(mine)
        return self._write_batch(items, before, mine)

    async def _write_batch(self, items: Sequence[T], before: Sequence[_Flight], mine: _Flight) -> Sequence[Outcome]:
        try:
            for flight in before:
                await asyncio.wait([flight.landed])
            return await self._write(items)
        finally:
            self._was_alone = self._write_alone is not None and len(items) == 1 and self._waiting <= 1
            self._land(mine)

    # --- alone -------------------------------------------------------------------------------------------------

    async def _stored_alone(self, item: T) -> bool:
        if self._closed:
            raise EngineClosedError("the engine is closed; make a new one")
        if self._flights or self._waiting or self._write_alone is None:
            return False
        flight = _Flight()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._write_alone(item, partial(self._answered, item, flight, done)):
            return False
        self._flights.append(flight)
        note_batch(1)
        await done
        return True

    def _answered(self, item: T, flight: _Flight, done: asyncio.Future[None], is_stored: bool) -> None:
        if is_stored:
            self._land(flight)
            _settle(done, None)
        else:
            asyncio.ensure_future(self._write([item])).add_done_callback(partial(self._written, flight, done))

    def _written(self, flight: _Flight, done: asyncio.Future[None], writing: asyncio.Future[Sequence[Outcome]]) -> None:
        self._land(flight)
        if writing.cancelled():
            _settle(done, OutcomeUnknownError("the event loop is closing"))
        else:
            _settle(done, writing.exception() or writing.result()[0])

    def _land(self, flight: _Flight) -> None:
        self._flights.remove(flight)
        flight.landed.set_result(None)


class _Flight:
    """A write under way, and the keys whose callers were cancelled while it was."""

    __slots__ = ("abandoned", "landed")

    def __init__(self) -> None:
        self.landed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.abandoned: set[str] = set()


def _settle(done: asyncio.Future[None], outcome: BaseException | None) -> None:
    if done.done():
        return
    if outcome is None:
        done.set_result(None)
    else:
        done.set_exception(outcome)
