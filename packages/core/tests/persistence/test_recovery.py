"""Recovery: in order, limited in number, interruptible, and never beside another actor of the same key."""

import asyncio
import logging
from typing import Any

import pytest

from nact import (
    NOBODY,
    ActorRef,
    Decision,
    FunctionCodec,
    KeyInUseError,
    PersistentContext,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
    stop,
)
from nact.persistence import PersistedSnapshot
from nact.persistence.actor import persistence_of

from .doubles import GET, PATIENCE, RiggedEngine, ask, collect, contents, same, write

pytestmark = pytest.mark.anyio


# --- what the handler sees -------------------------------------------------------------------------------------------


async def test_an_actor_first_receives_all_that_was_persisted_in_order_from_nobody_and_then_new_messages() -> None:
    async def handler(state: None, msg: Any, ctx: PersistentContext[Any, Any]) -> None:
        seen.append((msg, ctx.recovering, ctx.sender is NOBODY))
        if not ctx.recovering:
            dispatch(ctx.sender, "done")

    seen: list[tuple[Any, bool, bool]] = []
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    engine.before_read.shut()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k")
        await engine.before_read.arrival()
        answer = asyncio.ensure_future(ask(ref, "new"))
        engine.before_read.open()
        assert await answer == "done"
    assert seen == [("a", True, True), ("b", True, True), ("c", True, True), ("new", False, False)]


async def test_a_sync_handler_is_replayed_too() -> None:
    def handler(state: int, msg: Any, ctx: PersistentContext[Any, Any]) -> int:
        if msg == GET:
            dispatch(ctx.sender, state)
            return state
        return state + int(msg)

    engine = RiggedEngine()
    await write(engine, "k", 1, 2, 3)
    async with start(configure_persistence(engine)) as system:
        ref: ActorRef[Any] = spawn_persistent(system, handler, key="k", initial_state=0)  # type: ignore[arg-type]
        assert await ask(ref) == 6


async def test_a_decoder_makes_the_messages_that_are_replayed() -> None:
    engine = RiggedEngine()
    await write(engine, "k", {"is": "a"}, {"is": "b"})
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(
            system, collect, key="k", initial_state=[], codec=FunctionCodec(same, lambda data: data["is"])
        )
        assert await ask(ref) == ["a", "b"]


async def test_an_actor_without_a_journal_begins_with_its_initial_state() -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        assert await ask(spawn_persistent(system, collect, key="k", initial_state=["first"])) == ["first"]


async def test_an_actor_spawned_again_goes_on_where_the_one_before_ended() -> None:
    engine = RiggedEngine()
    for number in range(1, 4):
        async with start(configure_persistence(engine, close=False)) as system:
            ref = spawn_persistent(system, collect, key="k", initial_state=[])
            assert await ask(ref, number) == list(range(1, number + 1))
    assert await contents(engine, "k") == [(1, 1), (2, 2), (3, 3)]


async def test_keys_are_isolated() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        one = spawn_persistent(system, collect, key="k", initial_state=[])
        two = spawn_persistent(system, collect, key="K", initial_state=[])
        await ask(one, "a")
        assert await ask(two, "b") == ["b"]
        assert await ask(one) == ["a"]


@pytest.mark.clockwork
async def test_an_actor_can_be_shut_down_when_it_is_idle_and_recovers_when_it_is_spawned_again() -> None:
    ended = asyncio.Event()
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        first = spawn_persistent(
            system, collect, key="k", initial_state=[], shutdown_after=0.01, after_stop=lambda *_: ended.set()
        )
        await ask(first, "a")
        await asyncio.wait_for(ended.wait(), PATIENCE)
        assert await ask(spawn_persistent(system, collect, key="k", initial_state=[])) == ["a"]


# --- how many at once ------------------------------------------------------------------------------------------------


async def test_a_recovery_is_logged_for_those_who_look_closely(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="nact.persistence")
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=2, data=["a", "b"]))
    async with start(configure_persistence(engine), name="shop") as system:
        await ask(spawn_persistent(system, collect, key="k", name="till", initial_state=[]))
    (record,) = caplog.records
    assert record.getMessage() == (
        "shop://till has recovered key 'k': it goes on after event 3, having begun with the snapshot at 2"
    )
    fields = [record.__dict__[name] for name in ("nact_actor", "nact_key", "nact_sequence_number")]
    assert fields == ["shop://till", "k", 3]


async def test_no_more_than_max_recoveries_recover_at_once() -> None:
    engine = RiggedEngine()
    engine.before_read.shut()
    async with start(configure_persistence(engine, max_recoveries=2)) as system:
        refs = [spawn_persistent(system, collect, key=f"key {number}", initial_state=[]) for number in range(6)]
        await engine.before_read.arrival()
        await engine.before_read.arrival()
        for _ in range(20):
            await asyncio.sleep(0)
        assert engine.before_read.passing == 2
        engine.before_read.open()
        assert await asyncio.gather(*[ask(ref) for ref in refs]) == [[]] * 6


async def test_a_policy_that_takes_its_time_keeps_no_other_actor_from_recovering() -> None:
    async def fails(state: None, msg: Any, ctx: PersistentContext[Any, Any]) -> None:
        raise ValueError

    async def slow(*_: Any) -> Decision:
        asked.set()
        await decide.wait()
        return Decision.RESUME

    asked, decide = asyncio.Event(), asyncio.Event()
    engine = RiggedEngine()
    await write(engine, "poisoned", "a")
    async with start(configure_persistence(engine, max_recoveries=1)) as system:
        spawn_persistent(system, fails, key="poisoned", on_crash=slow)
        await asked.wait()
        assert await ask(spawn_persistent(system, collect, key="sound", initial_state=[])) == []
        decide.set()


# --- one writer a key ------------------------------------------------------------------------------------------------


async def test_a_key_that_a_living_actor_writes_to_cant_be_given_to_another() -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        ref = spawn_persistent(system, collect, key="k", name="first", initial_state=[])
        with pytest.raises(KeyInUseError, match=rf"{ref.path} already writes to the persistence key 'k'"):
            spawn_persistent(system, collect, key="k", name="second", initial_state=[])
        assert "second" not in system.children
        assert await ask(ref, "a") == ["a"]


async def test_an_actor_waits_for_the_end_of_the_one_that_wrote_to_its_key_before() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        first = spawn_persistent(system, collect, key="k", initial_state=[])
        await ask(first, "a")
        engine.before_write.shut()
        dispatch(first, "b")
        await engine.before_write.arrival()
        await engine.before_write.arrival()
        stop(first)
        second = spawn_persistent(system, collect, key="k", initial_state=[])
        answer = asyncio.ensure_future(ask(second, "c"))
        await asyncio.sleep(0)
        engine.before_write.open()
        assert await answer == ["a", "b", "c"]


async def test_an_actor_waits_for_all_that_wrote_to_its_key_before_though_one_was_stopped_before_it_had_begun() -> None:
    engine = RiggedEngine()
    engine.before_write.shut()
    async with start(configure_persistence(engine)) as system:
        first = spawn_persistent(system, collect, key="k", initial_state=[])
        dispatch(first, "a")
        await engine.before_write.arrival()
        stop(first)
        ended = asyncio.Event()
        second = spawn_persistent(system, collect, key="k", initial_state=[], after_stop=lambda *_: ended.set())
        stop(second)
        await asyncio.wait_for(ended.wait(), PATIENCE)
        third = spawn_persistent(system, collect, key="k", initial_state=[])
        answer = asyncio.ensure_future(ask(third, "b"))
        engine.before_write.open()
        assert await answer == ["a", "b"]


async def test_an_actor_waits_for_all_that_wrote_to_its_key_before_though_none_has_ended() -> None:
    engine = RiggedEngine()
    engine.before_write.shut()
    async with start(configure_persistence(engine)) as system:
        for _ in range(3):
            ref = spawn_persistent(system, collect, key="k", initial_state=[])
            dispatch(ref, "dropped, but for the first")
            if engine.before_write.passing == 0:
                await engine.before_write.arrival()
            stop(ref)
        last = spawn_persistent(system, collect, key="k", initial_state=[])
        engine.before_write.open()
        assert await ask(last, "b") == ["dropped, but for the first", "b"]


async def test_a_key_is_free_when_its_actors_have_ended() -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        for _ in range(3):
            ref = spawn_persistent(system, collect, key="k", initial_state=[])
            await ask(ref)
            stop(ref)
        await asyncio.sleep(0)
        assert persistence_of(system)._writers == {}


async def test_a_key_is_free_when_its_actors_have_ended_though_the_last_of_them_was_the_first_to_end() -> None:
    engine = RiggedEngine()
    engine.before_write.shut()
    async with start(configure_persistence(engine)) as system:
        persistence = persistence_of(system)
        first = spawn_persistent(system, collect, key="k", initial_state=[])
        dispatch(first, "a")
        await engine.before_write.arrival()
        stop(first)
        stop(spawn_persistent(system, collect, key="k", initial_state=[]))
        engine.before_write.open()
    assert persistence._writers == {}
