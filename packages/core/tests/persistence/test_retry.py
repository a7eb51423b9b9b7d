"""Attempts at one call, and their end."""

import asyncio

import pytest

from nact import EngineUnavailableError, OutcomeUnknownError
from nact.persistence.building.retry import Retry

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


async def attempts(retry: Retry, *, outcome_known: bool = True) -> int:
    """Fails until there is no time left; returns how often."""
    count = 0
    while True:
        count += 1
        retry.failed(outcome_known=outcome_known)
        await retry.pause("gone")


async def test_pauses_double_up_to_the_longest() -> None:
    clock = asyncio.get_running_loop().time
    retry, pauses = Retry(100, first_pause=1, longest_pause=4), list[float]()
    for _ in range(5):
        before = clock()
        await retry.pause("gone")
        pauses.append(clock() - before)
    assert pauses == pytest.approx([1, 2, 4, 4, 4])


async def test_attempts_end_with_the_time() -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    with pytest.raises(EngineUnavailableError, match="gone") as raised:
        await attempts(Retry(10))
    assert type(raised.value) is EngineUnavailableError
    assert clock() - began <= 10


async def test_an_outcome_that_was_unknown_once_stays_unknown() -> None:
    retry = Retry(1)
    retry.failed(outcome_known=False)
    retry.failed(outcome_known=True)
    assert retry.in_doubt
    with pytest.raises(OutcomeUnknownError):
        await attempts(retry)


async def test_a_granted_attempt_is_made_though_the_time_is_over() -> None:
    retry = Retry(1)
    over = [retry.is_over]
    await asyncio.sleep(2)
    over.append(retry.is_over)
    retry.grant_attempt()
    over.append(retry.is_over)
    await retry.pause("gone")
    assert [*over, retry.is_over] == [False, True, False, True]
    with pytest.raises(EngineUnavailableError):
        await retry.pause("gone")


async def test_a_caller_may_end_the_attempts_itself() -> None:
    clock = asyncio.get_running_loop().time
    began, retry = clock(), Retry(10, first_pause=1, longest_pause=2)
    while not retry.is_over:
        await retry.wait()
    await retry.wait()
    assert clock() - began == pytest.approx(10)


async def test_the_time_may_count_from_the_first_failure() -> None:
    retry = Retry(10, from_failure=True)
    await asyncio.sleep(60)
    assert not retry.is_over
    assert retry.time_left() == 10
    retry.failed()
    await asyncio.sleep(4)
    assert retry.time_left() == pytest.approx(6)
    await asyncio.sleep(6)
    assert retry.is_over
