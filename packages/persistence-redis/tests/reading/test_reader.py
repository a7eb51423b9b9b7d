"""Small reads that share a round trip: each gets its own replies, whatever becomes of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from nact.errors import EngineUnavailableError
from nact_persistence_redis._reading.reader import Reader
from nact_persistence_redis._routing.request import Request
from nact_persistence_redis._routing.router import Router
from nact_persistence_redis._statements.names import Names

pytestmark = pytest.mark.anyio


class Answers:
    """Stands for the way to two servers, and answers when it is told to: each highest number is the key's own."""

    def __init__(self, *broken: str) -> None:
        self.servers = self
        self.asked: list[list[str | None]] = []
        self.has_left = asyncio.Event()
        self.may_arrive = asyncio.Event()
        self.is_given_up = asyncio.Event()
        self._broken = broken

    def pool(self, name: bytes) -> str:
        return "even" if int(name[6:].partition(b"}")[0]) % 2 == 0 else "odd"

    async def ask(self, requests: Sequence[Request]) -> list[Any]:
        self.asked.append([request.key for request in requests])
        self.has_left.set()
        try:
            await self.may_arrive.wait()
        except asyncio.CancelledError:
            self.is_given_up.set()
            raise
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Any:
        if request.key in self._broken:
            return EngineUnavailableError("broken")
        if request.script is None:
            return [[b"%s-0" % str(request.key).encode(), []]]
        return str(request.key).encode()


def reader_of(answers: Answers) -> Reader:
    return Reader(cast(Router, answers), Names("nact:"))


async def test_reads_of_one_server_share_a_round_trip() -> None:
    answers = Answers()
    answers.may_arrive.set()
    reader = reader_of(answers)
    assert await asyncio.gather(*[reader.highest(str(n)) for n in range(6)]) == list(range(6))
    assert sorted(answers.asked) == [["0", "2", "4"], ["1", "3", "5"]]


async def test_not_more_than_a_few_share_a_round_trip() -> None:
    answers = Answers()
    answers.may_arrive.set()
    reader = reader_of(answers)
    await asyncio.gather(*[reader.highest(str(2 * n)) for n in range(100)])
    assert [len(keys) for keys in answers.asked] == [64, 36]


async def test_a_cancelled_reads_replies_reach_no_other_read() -> None:
    answers = Answers()
    reader = reader_of(answers)
    asking = [asyncio.create_task(reader.highest(str(2 * n))) for n in range(8)]
    await answers.has_left.wait()
    for cancelled in (0, 3, 5):
        asking[cancelled].cancel()
    answers.may_arrive.set()

    outcomes = await asyncio.gather(*asking, return_exceptions=True)

    for n in (1, 2, 4, 6, 7):
        assert outcomes[n] == 2 * n
    for n in (0, 3, 5):
        assert isinstance(outcomes[n], asyncio.CancelledError)


async def test_an_error_among_the_replies_is_raised_to_its_own_reader() -> None:
    """A page asks twice, and either of its replies may be the error."""
    answers = Answers("2")
    answers.may_arrive.set()
    reader = reader_of(answers)
    reads = [reader.highest("0"), reader.page("2", 0, 1), reader.highest("2"), reader.highest("4")]
    outcomes = await asyncio.gather(*reads, return_exceptions=True)
    assert [outcomes[0], outcomes[3]] == [0, 4]
    assert isinstance(outcomes[1], EngineUnavailableError)
    assert isinstance(outcomes[2], EngineUnavailableError)
    assert outcomes[1] is not outcomes[2]


async def test_the_round_trip_ends_when_all_its_readers_are_cancelled() -> None:
    answers = Answers()
    reader = reader_of(answers)
    asking = [asyncio.create_task(reader.highest(str(2 * n))) for n in range(3)]
    await answers.has_left.wait()
    for each in asking:
        each.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await answers.is_given_up.wait()
