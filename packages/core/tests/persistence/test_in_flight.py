"""Writes in progress, and reads that wait for them."""

import asyncio

import pytest

from nact import EngineClosedError
from nact.persistence.building.in_flight import InFlight

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


async def has_settled(in_flight: InFlight, key: str | None) -> bool:
    """Whether a read of the key, or of all keys, wouldn't wait."""
    waiting = asyncio.create_task(in_flight.settled(key))
    for _ in range(3):
        await asyncio.sleep(0)
    is_settled = waiting.done()
    waiting.cancel()
    return is_settled


async def test_a_write_goes_on_when_its_caller_is_cancelled_and_a_read_waits_for_it() -> None:
    in_flight, stored = InFlight(), list[str]()

    async def write() -> None:
        await asyncio.sleep(1)
        stored.append("a")

    caller = asyncio.create_task(in_flight.finish("k", write()))
    await asyncio.sleep(0.5)
    caller.cancel()
    await asyncio.wait([caller])
    assert not await has_settled(in_flight, "k")
    assert await has_settled(in_flight, "other")
    await in_flight.settled("k")
    assert stored == ["a"]
    assert await has_settled(in_flight, "k")


async def test_a_batch_counts_for_its_keys() -> None:
    in_flight = InFlight()
    with in_flight.batch({"a", "b"}):
        assert not await has_settled(in_flight, "b")
        assert await has_settled(in_flight, "c")
    assert await has_settled(in_flight, "a")


async def test_a_read_of_all_keys_waits_for_each_write() -> None:
    in_flight = InFlight()
    assert await has_settled(in_flight, None)
    with in_flight.batch({"a"}):
        assert not await has_settled(in_flight, None)
    write = asyncio.create_task(in_flight.finish("k", asyncio.sleep(1)))
    await asyncio.sleep(0)
    assert not await has_settled(in_flight, None)
    await in_flight.settled()
    assert write.done()
    assert await has_settled(in_flight, None)


async def test_a_caller_gets_the_result_or_the_error() -> None:
    in_flight = InFlight()

    async def fail() -> None:
        raise ValueError("no")

    assert await in_flight.finish("k", asyncio.sleep(0, "done")) == "done"
    with pytest.raises(ValueError, match="no"):
        await in_flight.finish("k", fail())


async def test_closing_waits_for_what_is_under_way_and_refuses_the_rest() -> None:
    in_flight = InFlight()
    caller = asyncio.create_task(in_flight.finish("k", asyncio.sleep(1, "done")))
    await asyncio.sleep(0)
    await in_flight.aclose()
    assert await caller == "done"
    with pytest.raises(EngineClosedError):
        await in_flight.finish("k", asyncio.sleep(0))


async def test_what_a_cancelled_callers_write_raises_is_not_reported() -> None:
    in_flight, reported = InFlight(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    async def fail() -> None:
        await asyncio.sleep(1)
        raise ValueError("no")

    caller = asyncio.create_task(in_flight.finish("k", fail()))
    await asyncio.sleep(0.5)
    caller.cancel()
    await asyncio.wait([caller])
    await in_flight.settled("k")
    await asyncio.sleep(0)
    assert caller.cancelled()
    assert not reported
