"""Reads that share a round trip."""

import asyncio
from collections.abc import Sequence

import pytest

from nact import EngineUnavailableError
from nact.persistence.building.shared_reads import SharedReads

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


class Storage:
    """Answers with the square, and keeps what it was asked; waits while it is `held`."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.was_asked = asyncio.Event()
        self.held: asyncio.Future[None] | None = None
        self.cancelled = 0

    async def fetch(self, questions: Sequence[int]) -> Sequence[int | Exception]:
        self.asked.append(list(questions))
        self.was_asked.set()
        try:
            if self.held is not None:
                await self.held
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return [number * number if number >= 0 else ValueError(f"no root of {number}") for number in questions]


async def test_questions_of_one_pass_share_a_fetch_and_get_their_own_answers() -> None:
    storage = Storage()
    reads = SharedReads(storage.fetch)
    assert await asyncio.gather(*map(reads.ask, range(5))) == [0, 1, 4, 9, 16]
    assert await reads.ask(7) == 49
    assert storage.asked == [[0, 1, 2, 3, 4], [7]]


async def test_a_fetch_has_no_more_questions_than_the_limit() -> None:
    storage = Storage()
    reads = SharedReads(storage.fetch, max_questions=2)
    await asyncio.gather(*map(reads.ask, range(5)))
    assert storage.asked == [[0, 1], [2, 3], [4]]


async def test_questions_of_different_groups_dont_share_a_fetch() -> None:
    storage = Storage()
    reads = SharedReads(storage.fetch)
    await asyncio.gather(*(reads.ask(number, group=number % 2) for number in range(4)))
    assert storage.asked == [[0, 2], [1, 3]]


async def test_an_answer_that_is_an_error_is_raised_to_its_caller_alone() -> None:
    reads = SharedReads(Storage().fetch)
    fine, failed = await asyncio.gather(reads.ask(3), reads.ask(-1), return_exceptions=True)
    assert fine == 9
    assert isinstance(failed, ValueError)


async def test_an_error_of_the_fetch_reaches_every_caller_as_a_copy() -> None:
    async def fetch(_: Sequence[int]) -> Sequence[int | Exception]:
        raise EngineUnavailableError("gone") from OSError("no route")

    reads = SharedReads(fetch)
    errors = await asyncio.gather(reads.ask(1), reads.ask(2), return_exceptions=True)
    assert [type(error) for error in errors] == [EngineUnavailableError] * 2
    assert errors[0] is not errors[1]
    assert all(isinstance(error, EngineUnavailableError) and isinstance(error.__cause__, OSError) for error in errors)


async def test_a_wrong_number_of_answers_is_told_to_every_caller() -> None:
    async def fetch(_: Sequence[int]) -> Sequence[int | Exception]:
        return [1]

    reads = SharedReads(fetch)
    errors = await asyncio.gather(reads.ask(1), reads.ask(2), return_exceptions=True)
    assert [str(error) for error in errors] == ["the fetch returned 1 answers to 2 questions"] * 2


async def test_a_cancelled_caller_leaves_the_others_undisturbed() -> None:
    storage = Storage()
    storage.held = asyncio.get_running_loop().create_future()
    reads = SharedReads(storage.fetch)
    first, second = (asyncio.create_task(reads.ask(number)) for number in (2, 3))
    await storage.was_asked.wait()
    first.cancel()
    await asyncio.wait([first])
    storage.held.set_result(None)
    assert await second == 9
    assert first.cancelled()


async def test_the_fetch_is_cancelled_with_its_last_caller() -> None:
    storage = Storage()
    storage.held = asyncio.get_running_loop().create_future()
    reads = SharedReads(storage.fetch)
    callers = [asyncio.create_task(reads.ask(number)) for number in (2, 3)]
    await storage.was_asked.wait()
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    await asyncio.sleep(0)
    assert storage.cancelled == 1


async def test_a_caller_that_is_cancelled_before_the_fetch_isnt_asked_for() -> None:
    storage = Storage()
    reads = SharedReads(storage.fetch)
    first = asyncio.create_task(reads.ask(2))
    second = asyncio.create_task(reads.ask(3))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 9
    assert storage.asked == [[3]]
