"""Small reads that share a round trip: each gets its own replies, whatever becomes of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from nact_persistence_redis._gathering import GatheredReads
from nact_persistence_redis._link import Link
from nact_persistence_redis._request import Request

pytestmark = pytest.mark.anyio


class _Link:
    """Answers each request with its name, when it is told to."""

    def __init__(self) -> None:
        self.servers = self
        self.has_left = asyncio.Event()
        self.may_arrive = asyncio.Event()

    def pool(self, name: bytes) -> str:
        return "the only server"

    async def ask(self, requests: Sequence[Request]) -> list[Any]:
        self.has_left.set()
        await self.may_arrive.wait()
        return [request.name for request in requests]


async def test_a_cancelled_reads_replies_reach_no_other_read() -> None:
    link = _Link()
    reads = GatheredReads(cast(Link, link))
    asking = [asyncio.create_task(reads.ask(*[Request(b"%d" % i, ())] * (1 + i % 2))) for i in range(8)]
    await link.has_left.wait()
    for cancelled in (0, 3, 5):
        asking[cancelled].cancel()
    link.may_arrive.set()

    replies = await asyncio.gather(*asking, return_exceptions=True)

    for i in (1, 2, 4, 6, 7):
        assert replies[i] == [b"%d" % i] * (1 + i % 2)
    for i in (0, 3, 5):
        assert isinstance(replies[i], asyncio.CancelledError)
