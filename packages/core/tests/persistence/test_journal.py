"""`ctx.persist`: the events that it stores, and the uses that it refuses."""

import asyncio
from typing import Any

import pytest

from nact import (
    Decision,
    EngineUnavailableError,
    FunctionCodec,
    InvalidEventError,
    OutcomeUnknownError,
    PersistentContext,
    PersistUsageError,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
    stop,
)

from .doubles import GET, JournalOnly, Judge, RiggedEngine, ask, collect, contents, same, stored

pytestmark = pytest.mark.anyio


# --- what is stored ------------------------------------------------------------------------------------------------


async def test_persist_returns_the_event_as_it_is_stored() -> None:
    async def handler(state: None, msg: str, ctx: PersistentContext[str, str]) -> None:
        if not ctx.recovering:
            dispatch(ctx.sender, await ctx.persist(msg, tags=["b", "a", "b"]))

    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        event = await ask(spawn_persistent(system, handler, key="a key"), "hello")
        assert await stored(engine, "a key") == [event]
    assert (event.key, event.sequence_number, event.data, event.tags) == ("a key", 1, "hello", ("a", "b"))


async def test_an_encoder_makes_what_is_stored() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(
            system, collect, key="k", initial_state=[], codec=FunctionCodec(lambda msg: {"is": msg}, same)
        )
        assert await ask(ref, "a") == ["a"]
        assert await contents(engine, "k") == [(1, {"is": "a"})]


async def test_one_message_may_persist_any_number_of_events() -> None:
    async def handler(state: int, msg: int, ctx: PersistentContext[int, int]) -> int:
        if ctx.recovering:
            return state + msg
        for number in range(msg):
            await ctx.persist(number)
        dispatch(ctx.sender, "done")
        return state

    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        assert await ask(spawn_persistent(system, handler, key="k", initial_state=0), 250) == "done"
        assert await contents(engine, "k") == [(number + 1, number) for number in range(250)]


async def test_persists_made_at_the_same_time_are_stored_in_the_order_of_the_calls() -> None:
    async def handler(state: None, msg: int, ctx: PersistentContext[int, int]) -> None:
        writes = [asyncio.ensure_future(ctx.persist(number)) for number in range(msg)]
        await engine.before_write.arrival()
        await asyncio.sleep(0)
        assert engine.before_write.passing == 1, "one at a time"
        engine.before_write.open()
        dispatch(ctx.sender, [(event.sequence_number, event.data) for event in await asyncio.gather(*writes)])

    engine = RiggedEngine()
    engine.before_write.shut()
    async with start(configure_persistence(engine)) as system:
        answer = await ask(spawn_persistent(system, handler, key="k"), 10)
        assert answer == await contents(engine, "k") == [(number + 1, number) for number in range(10)]


async def test_a_write_in_progress_when_the_system_ends_is_finished() -> None:
    engine = RiggedEngine()
    engine.before_write.shut()
    async with start(configure_persistence(engine, close=False)) as system:
        dispatch(spawn_persistent(system, collect, key="k", initial_state=[]), "a")
        await engine.before_write.arrival()
        stop(system)
        engine.before_write.open()
    assert await contents(engine, "k") == [(1, "a")]


# --- persist_all -----------------------------------------------------------------------------------------------------


async def all_at_once(state: list[Any], msgs: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
    """Persists the messages in one message, all or none. Answers with the error, or the state."""
    if ctx.recovering:
        return [*state, msgs]
    if msgs != GET:
        try:
            events = await ctx.persist_all(msgs, tags=["t"])
        except Exception as error:  # noqa: BLE001
            dispatch(ctx.sender, error)
            return state
        state = [*state, *[event.data for event in events]]
    dispatch(ctx.sender, state)
    return state


async def test_persist_all_stores_all_its_events_with_their_tags() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, all_at_once, key="k", initial_state=[])
        assert await ask(ref, ["a", "b"]) == ["a", "b"]
        assert await ask(ref, ["c"]) == ["a", "b", "c"]
        assert [(e.sequence_number, e.data, e.tags) for e in await stored(engine, "k")] == [
            (1, "a", ("t",)),
            (2, "b", ("t",)),
            (3, "c", ("t",)),
        ]


async def test_persist_all_with_one_bad_event_stores_none_and_the_actor_goes_on() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, all_at_once, key="k", initial_state=[])
        assert isinstance(await ask(ref, ["a", {1: 2}]), InvalidEventError)
        assert await ask(ref, ["b"]) == ["b"]
        assert await contents(engine, "k") == [(1, "b")]


async def test_persist_all_of_nothing_stores_nothing() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, all_at_once, key="k", initial_state=[])
        assert await ask(ref, []) == []
        assert await stored(engine, "k") == []


@pytest.mark.parametrize("msgs", ["text", b"bytes", 5, {"a": 1}, {1, 2}], ids=repr)
async def test_persist_all_takes_a_sequence(msgs: Any) -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, all_at_once, key="k", initial_state=[])
        error = await ask(ref, msgs)
        assert isinstance(error, PersistUsageError)
        assert repr(msgs) in str(error)
        assert await ask(ref, ["a"]) == ["a"]


async def test_persist_all_is_refused_where_the_engine_has_no_atomic_batches() -> None:
    engine = JournalOnly()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, all_at_once, key="k", initial_state=[])
        error = await ask(ref, ["a", "b"])
        assert isinstance(error, PersistUsageError)
        assert "atomically" in str(error)
        assert await stored(engine.inner, "k") == []


async def test_persist_all_with_an_unknown_outcome_has_the_actor_recover() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, all_at_once, key="k", initial_state=[], on_crash=Judge(Decision.RESUME))
        engine.fail_write(OutcomeUnknownError("cut"), stored=True)
        assert isinstance(await ask(ref, ["a", "b"]), EngineUnavailableError)
        assert await ask(ref) == ["a", "b"]
