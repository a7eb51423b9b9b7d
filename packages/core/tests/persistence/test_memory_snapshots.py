"""The in-memory engine: snapshots, bounds, and the end."""

from typing import Any

import pytest

from nact import EngineClosedError, InvalidEventError
from nact.persistence import MemoryPersistenceEngine, MemoryStorage

from .doubles import contents, write
from .in_memory import event, snapshot

pytestmark = pytest.mark.anyio


# --- snapshots -------------------------------------------------------------------------------------------------------


async def test_the_latest_snapshot_is_the_one_with_the_highest_number() -> None:
    engine = MemoryPersistenceEngine()
    assert await engine.latest_snapshot("k") is None
    late, early = snapshot(20, "late"), snapshot(10, "early")
    await engine.take_snapshot(late)
    await engine.take_snapshot(early)
    assert await engine.latest_snapshot("k") == late
    assert await engine.latest_snapshot("k", up_to=19) == early
    assert await engine.latest_snapshot("k", up_to=20) == late
    assert await engine.latest_snapshot("k", up_to=9) is None


async def test_a_snapshot_of_the_same_number_is_replaced() -> None:
    engine = MemoryPersistenceEngine()
    await engine.take_snapshot(snapshot(1, "old"))
    await engine.take_snapshot(snapshot(1, "new"))
    latest = await engine.latest_snapshot("k")
    assert latest is not None
    assert latest.data == "new"


async def test_a_snapshot_that_isnt_json_is_refused() -> None:
    engine = MemoryPersistenceEngine()
    with pytest.raises(InvalidEventError):
        await engine.take_snapshot(snapshot(1, (1, 2)))
    assert await engine.latest_snapshot("k") is None


async def test_snapshots_are_deleted_up_to_a_number() -> None:
    engine = MemoryPersistenceEngine()
    for number in (1, 2, 3):
        await engine.take_snapshot(snapshot(number))
    await engine.delete_snapshots("k", up_to=2)
    assert await engine.latest_snapshot("k", up_to=2) is None
    assert await engine.latest_snapshot("k") is not None
    await engine.delete_snapshots("never written", up_to=5)


# --- bounds ----------------------------------------------------------------------------------------------------------


async def test_bounds_beyond_64_bits_are_as_good_as_the_largest() -> None:
    engine = MemoryPersistenceEngine()
    await write(engine, "k", "a", "b")
    await engine.take_snapshot(snapshot(2))
    assert [each async for each in engine.events("k", after=2**64)] == []
    assert len([each async for each in engine.events("k", limit=2**64)]) == 2
    assert await engine.latest_snapshot("k", up_to=2**64) is not None
    await engine.delete_snapshots("k", up_to=2**64)
    await engine.delete_events("k", up_to=2**64)
    assert await engine.latest_snapshot("k") is None
    assert [each.is_deleted async for each in engine.events("k")] == [True]


@pytest.mark.parametrize("bound", ["2", 1.5, None], ids=repr)
async def test_a_bound_that_is_no_number_is_refused(bound: Any) -> None:
    engine = MemoryPersistenceEngine()
    with pytest.raises(TypeError, match="up_to must be an int"):
        await engine.delete_events("k", up_to=bound)
    with pytest.raises(TypeError, match="up_to must be an int"):
        await engine.delete_snapshots("k", up_to=bound)


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_after_closing_every_call_is_refused_and_closing_again_is_fine() -> None:
    engine = MemoryPersistenceEngine()
    async with engine:
        await write(engine, "k", "a", "b")
        reading = engine.events("k")
        await anext(reading)
    await engine.aclose()
    for call in (
        lambda: anext(reading),
        lambda: anext(engine.events("k")),
        lambda: engine.persist(event(3)),
        lambda: engine.persist_all([event(3)]),
        lambda: engine.delete_events("k", up_to=1),
        lambda: engine.highest_sequence_number("k"),
        lambda: anext(engine.keys()),
        lambda: engine.latest_snapshot("k"),
        lambda: engine.take_snapshot(snapshot(1)),
        lambda: engine.delete_snapshots("k", up_to=1),
        engine.__aenter__,
    ):
        with pytest.raises(EngineClosedError):
            await call()


async def test_engines_on_one_storage_see_each_others_writes_and_close_by_themselves() -> None:
    storage = MemoryStorage()
    one, two = MemoryPersistenceEngine(storage), MemoryPersistenceEngine(storage)
    await write(one, "k", "a")
    await one.aclose()
    assert await contents(two, "k") == [(1, "a")]
