from __future__ import annotations

import asyncio

import pytest

from nact_persistence_postgres._connections.taskless import Timer, step

pytestmark = pytest.mark.anyio


async def test_a_coroutine_is_run_to_its_end_over_several_waits() -> None:
    first, second = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()
    results: list[object] = []

    async def work() -> None:
        results.append(await first)
        results.append(await second)

    ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    assert step(work(), ended.set_result)
    first.set_result(1)
    second.set_result(2)
    assert await ended is None
    assert results == [1, 2]


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError()])
async def test_its_error_is_told(error: BaseException) -> None:
    future = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await future
        raise error

    ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    assert step(work(), ended.set_result)
    future.set_result(None)
    assert await ended is error


async def test_one_that_waits_for_nothing_is_not_told_of() -> None:
    async def work() -> None:
        raise ValueError

    told: list[BaseException | None] = []
    assert not step(work(), told.append)
    await asyncio.sleep(0)
    assert told == []


async def test_what_takes_too_long_expires() -> None:
    expired = asyncio.Event()
    timer = Timer(0.01, expired.set)
    timer.begin()
    await asyncio.wait_for(expired.wait(), 5)


async def test_what_is_done_in_time_does_not_expire_nor_what_follows() -> None:
    expired: list[bool] = []
    timer = Timer(0.02, lambda: expired.append(True))
    looked = asyncio.get_running_loop().time() + 0.05
    while asyncio.get_running_loop().time() < looked:
        timer.begin()
        await asyncio.sleep(0)
        timer.end()
    timer.cancel()
    assert expired == []
