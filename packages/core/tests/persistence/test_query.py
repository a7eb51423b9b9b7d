"""`persistent_query`: what an actor persisted, read by others."""

import asyncio
from typing import Any

import pytest

from nact import (
    CorruptJournalError,
    FunctionCodec,
    configure_persistence,
    persistent_query,
    spawn_persistent,
    start,
)

from .doubles import JournalOnly, RiggedEngine, ask, collect, same, write
from .folds import Counting, append

pytestmark = pytest.mark.anyio


async def test_a_query_folds_the_events_of_its_key() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b")
    await write(engine, "other", "c")
    async with start(configure_persistence(engine)) as system:
        assert await persistent_query(system, append, key="k", initial_state=[])() == ["a", "b"]


async def test_a_fold_may_be_async() -> None:
    async def total(state: int, event: int) -> int:
        await asyncio.sleep(0)
        return state + event

    engine = RiggedEngine()
    await write(engine, "k", 1, 2, 3)
    async with start(configure_persistence(engine)) as system:
        assert await persistent_query(system, total, key="k", initial_state=0)() == 6


async def test_a_query_of_a_key_without_events_is_the_initial_state() -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        assert await persistent_query(system, append, key="k", initial_state=["first"])() == ["first"]


async def test_a_query_works_on_the_smallest_engine() -> None:
    engine = JournalOnly()
    await write(engine.inner, "k", "a")
    async with start(configure_persistence(engine)) as system:
        assert await persistent_query(system, append, key="k", initial_state=[], snapshot_key="s")() == ["a"]


async def test_nothing_is_read_before_the_first_call() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        persistent_query(system, append, key="k", initial_state=[])
        await asyncio.sleep(0)
        assert engine.before_read._arrivals.empty()


async def test_each_call_reads_only_what_is_new_since_the_last() -> None:
    engine, fold = RiggedEngine(), Counting()
    await write(engine, "k", "a", "b")
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, fold, key="k", initial_state=[])
        assert await current() == ["a", "b"]
        await write(engine, "k", "c", after=2)
        assert await current() == ["a", "b", "c"]
        assert await current() == ["a", "b", "c"]
    assert fold.events == ["a", "b", "c"]


async def test_a_query_sees_what_a_living_actor_persists() -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[])
        current = persistent_query(system, append, key="k", initial_state=[])
        for number in range(1, 4):
            await ask(ref, number)
            assert await current() == list(range(1, number + 1))


async def test_calls_at_the_same_time_share_one_read() -> None:
    engine, fold = RiggedEngine(), Counting()
    await write(engine, "k", "a", "b")
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, fold, key="k", initial_state=[])
        assert await asyncio.gather(*[current() for _ in range(5)]) == [["a", "b"]] * 5
    assert fold.events == ["a", "b"]


async def test_a_caller_who_gives_up_doesnt_end_the_read_for_the_others() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a")
    engine.before_read.shut()
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, append, key="k", initial_state=[])
        first, second = asyncio.ensure_future(current()), asyncio.ensure_future(current())
        await engine.before_read.arrival()
        first.cancel()
        engine.before_read.open()
        assert await second == ["a"]
        assert first.cancelled()


async def test_a_decoder_makes_the_events() -> None:
    engine = RiggedEngine()
    await write(engine, "k", {"is": "a"})
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(
            system, append, key="k", initial_state=[], codec=FunctionCodec(same, lambda data: data["is"])
        )
        assert await current() == ["a"]


async def test_without_an_initial_state_it_is_none() -> None:
    def last(state: Any, event: Any) -> Any:
        return event

    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, last, key="k")
        assert await current() is None
        await write(engine, "k", "a", "b")
        assert await current() == "b"


# --- failing ---------------------------------------------------------------------------------------------------------


async def test_a_read_that_fails_raises_for_every_caller_and_the_next_call_begins_anew() -> None:
    engine, fold = RiggedEngine(), Counting()
    await write(engine, "k", "a", "b")
    cut = OSError("cut")
    engine.read_faults.append(cut)
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, fold, key="k", initial_state=[])
        assert list(await asyncio.gather(current(), current(), return_exceptions=True)) == [cut, cut]
        assert await current() == ["a", "b"]
    assert fold.events == ["a", "b", "a", "b"]


async def test_a_fold_that_raises_makes_the_call_raise_and_gives_back_what_the_reading_held() -> None:
    def fold(state: list[Any], event: Any) -> list[Any]:
        if event in bad:
            raise ValueError(f"bad {event}")
        return [*state, event]

    bad = {"b"}
    engine = RiggedEngine()
    await write(engine, "k", "a")
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, fold, key="k", initial_state=[])
        await current()
        await write(engine, "k", "b", "c", after=1)
        with pytest.raises(ValueError, match="bad b"):
            await current()
        assert engine.open_reads == 0
        bad.clear()
        assert await current() == ["a", "b", "c"]


async def test_an_event_that_cant_be_decoded_is_named() -> None:
    engine = RiggedEngine()
    await write(engine, "k", 1, "two")
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(
            system, append, key="k", initial_state=[], codec=FunctionCodec(same, lambda data: data + 1)
        )
        with pytest.raises(CorruptJournalError, match=r"key 'k' at sequence number 2"):
            await current()


async def test_a_read_that_nobody_waits_for_any_more_may_fail() -> None:
    engine = RiggedEngine()
    engine.read_faults.append(OSError("cut"))
    engine.before_read.shut()
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, append, key="k", initial_state=[])
        call = asyncio.ensure_future(current())
        await engine.before_read.arrival()
        call.cancel()
        await asyncio.wait([call])
        engine.before_read.open()
        while engine.open_reads:  # noqa: ASYNC110  # a read that nobody waits for can only be watched
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await current() == []


# --- cache_duration --------------------------------------------------------------------------------------------------


@pytest.mark.clockwork
async def test_the_state_is_forgotten_when_nobody_asked_for_the_cache_duration() -> None:
    engine, fold = RiggedEngine(), Counting()
    await write(engine, "k", "a")
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, fold, key="k", initial_state=[], cache_duration=10)
        await current()
        await asyncio.sleep(11)
        assert await current() == ["a"]
    assert fold.events == ["a", "a"]


@pytest.mark.clockwork
async def test_each_call_begins_the_cache_duration_anew() -> None:
    engine, fold = RiggedEngine(), Counting()
    await write(engine, "k", "a")
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, fold, key="k", initial_state=[], cache_duration=10)
        for _ in range(3):
            await current()
            await asyncio.sleep(6)
    assert fold.events == ["a"]
