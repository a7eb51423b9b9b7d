"""Small reads that begin in the same pass of the event loop share a round trip: a thousand actors recover together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from nact.errors import NactError
from nact_persistence_redis._errors import for_one
from nact_persistence_redis._lines import Pool
from nact_persistence_redis._link import Link
from nact_persistence_redis._request import Request
from nact_persistence_redis._wire import Reply

_AT_ONCE = 64
"""So many reads share a round trip at most: what one of them asks for shouldn't delay too many others."""


@dataclass(slots=True, eq=False)
class _Read:
    requests: Sequence[Request]
    done: asyncio.Future[list[Reply]]


class _Trip:
    """Reads that travel together. Nobody waits for the round trip itself: one who is cancelled doesn't end it."""

    def __init__(self) -> None:
        self.reads: list[_Read] = []
        self._task: asyncio.Task[list[Reply]] | None = None

    def begin(self, link: Link) -> None:
        self.reads = [read for read in self.reads if not read.done.done()]
        if self.reads:
            requests = [request for read in self.reads for request in read.requests]
            self._task = asyncio.create_task(link.ask(requests))
            self._task.add_done_callback(self._arrive)

    def abandon(self) -> None:
        """Somebody was cancelled. If nobody is left, the round trip is, too."""
        if self._task is not None and all(read.done.done() for read in self.reads):
            self._task.cancel()

    def _arrive(self, task: asyncio.Task[list[Reply]]) -> None:
        error = None if task.cancelled() else task.exception()
        replies = iter(() if task.cancelled() or error else task.result())
        for read in self.reads:
            its_own = list(islice(replies, len(read.requests)))  # also of one that was cancelled: the next begin behind
            if read.done.done():
                continue
            if task.cancelled():
                read.done.cancel()
            elif error is not None:
                read.done.set_exception(for_one(error))
            else:
                read.done.set_result(its_own)


class GatheredReads:
    """Gathers reads by server, so that one that is slow or gone doesn't delay those of the others.

    Args:
        link: The way to the servers.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._leaving: dict[Pool, _Trip] = {}

    async def ask(self, *requests: Request) -> list[Reply]:
        """A reply to each request; all of them concern one name.

        Raises:
            NactError: One of them ended with that.
        """
        pool = self._link.servers.pool(requests[0].name)
        trip = self._leaving.get(pool)
        if trip is None:
            trip = self._leaving[pool] = _Trip()
            asyncio.get_running_loop().call_soon(self._leave, pool, trip)
        done: asyncio.Future[list[Reply]] = asyncio.get_running_loop().create_future()
        trip.reads.append(_Read(requests, done))
        if len(trip.reads) >= _AT_ONCE:
            del self._leaving[pool]
        try:
            replies = await done
        except asyncio.CancelledError:
            if not done.cancelled():
                done.exception()  # nobody else will look at it, and asyncio would log that
            trip.abandon()
            raise
        for reply in replies:
            if isinstance(reply, NactError):
                raise for_one(reply)
        return replies

    def _leave(self, pool: Pool, trip: _Trip) -> None:
        if self._leaving.get(pool) is trip:
            del self._leaving[pool]
        trip.begin(self._link)
