"""Snapshots are an optimisation: taken when they are due, of the state as it was, and never fatal."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from nact import (
    FunctionCodec,
    InvalidEventError,
    PersistentContext,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
    stop,
    stopped,
)
from nact.persistence import MemoryPersistenceEngine, MemoryStorage
from nact.persistence.actor import persistence_of

from .doubles import GET, RiggedEngine, ask, collect, contents, same, write
from .lives import kept, live

pytestmark = pytest.mark.anyio


# --- when ------------------------------------------------------------------------------------------------------------


async def test_a_snapshot_is_taken_after_the_given_number_of_events() -> None:
    engine = RiggedEngine()
    await live(engine, *"abcdefg", snapshot_every=3)
    assert await kept(engine) == [3, 6]


async def test_a_snapshot_holds_the_state_after_its_event() -> None:
    engine = RiggedEngine()
    await live(engine, "a", "b", "c", snapshot_every=2)
    snapshot = await engine.latest_snapshot("k")
    assert snapshot is not None
    assert (snapshot.sequence_number, snapshot.data) == (2, ["a", "b"])


async def test_without_snapshot_every_none_is_taken() -> None:
    engine = RiggedEngine()
    await live(engine, *"abc")
    assert await kept(engine) == []


async def test_messages_that_persist_nothing_dont_bring_a_snapshot_nearer() -> None:
    engine = RiggedEngine()
    await live(engine, "a", GET, GET, GET, snapshot_every=2)
    assert await kept(engine) == []


async def test_a_recovered_actor_counts_events_from_its_last_snapshot() -> None:
    engine = RiggedEngine()
    await live(engine, *"abcd", snapshot_every=3)
    await live(engine, "e", snapshot_every=3)
    assert await kept(engine) == [3]
    await live(engine, "f", snapshot_every=3)
    assert await kept(engine) == [3, 6]


async def test_an_actor_that_recovers_from_many_events_takes_a_snapshot_at_once() -> None:
    engine = RiggedEngine()
    await write(engine, "k", *"abcdefgh")
    async with start(configure_persistence(engine, close=False)) as system:
        spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=3)
        await engine.before_snapshot.arrival()
    assert await kept(engine) == [8]


async def test_a_message_that_persists_more_events_than_are_due_brings_one_snapshot() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if ctx.recovering or msg == GET:
            return await collect(state, msg, ctx)
        await ctx.persist_all(msg)
        return [*state, *msg]

    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[], snapshot_every=2)
        dispatch(ref, list("abcde"))
        dispatch(ref, ["f"])
        await ask(ref)
        await asyncio.sleep(0)
        assert await kept(engine) == [5]


async def test_a_snapshot_that_takes_long_delays_no_message_and_no_second_one_is_begun_meanwhile() -> None:
    engine = RiggedEngine()
    engine.before_snapshot.shut()
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=1)
        for msg in "abc":
            await ask(ref, msg)
        await engine.before_snapshot.arrival()
        assert engine.before_snapshot.passing == 1
        engine.before_snapshot.open()
        await asyncio.sleep(0)
        await ask(ref, "d")
    assert await kept(engine) == [1, 4]


async def test_an_actor_ends_only_when_its_snapshot_is_stored() -> None:
    engine = RiggedEngine()
    engine.before_snapshot.shut()
    ended: list[int] = []
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(
            system,
            collect,
            key="k",
            initial_state=[],
            snapshot_every=1,
            after_stop=lambda *_: ended.append(engine.before_snapshot.passing),
        )
        await ask(ref, "a")
        await engine.before_snapshot.arrival()
        stop(ref)
        await asyncio.sleep(0)
        assert ended == []
        engine.before_snapshot.open()
    assert ended == [0]
    assert await kept(engine) == [1]


async def test_a_snapshot_and_later_events_make_the_same_state_as_all() -> None:
    with_snapshots, without = RiggedEngine(), RiggedEngine()
    for part in ("abcd", "efg", "h", "", "ijklmnop"):
        state = await live(with_snapshots, *part, snapshot_every=3)
        assert state == await live(without, *part)
    assert await contents(with_snapshots, "k") == await contents(without, "k")


# --- what ------------------------------------------------------------------------------------------------------------


async def test_what_is_done_to_the_state_later_doesnt_get_into_a_snapshot() -> None:
    async def handler(state: dict[str, Any], msg: Any, ctx: PersistentContext[Any, Any]) -> dict[str, Any]:
        if not ctx.recovering:
            await ctx.persist(msg)
        state["inner"].append(msg)
        dispatch(ctx.sender, "done")
        return state

    engine = RiggedEngine()
    engine.before_snapshot.shut()
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state_func=lambda _: {"inner": []}, snapshot_every=2)
        for msg in "abc":
            await ask(ref, msg)
        engine.before_snapshot.open()
    snapshot = await engine.latest_snapshot("k")
    assert snapshot is not None
    assert (snapshot.sequence_number, snapshot.data) == (2, {"inner": ["a", "b"]})


async def test_what_a_snapshot_encoder_made_of_the_living_state_isnt_shared_with_it() -> None:
    engine = RiggedEngine()
    engine.before_snapshot.shut()
    shared: list[Any] = []

    def encode(state: list[Any]) -> list[Any]:
        shared[:] = state
        return shared

    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(
            system, collect, key="k", initial_state=[], snapshot_every=1, snapshot_codec=FunctionCodec(encode, same)
        )
        await ask(ref, "a")
        await engine.before_snapshot.arrival()
        shared.append("later")
        engine.before_snapshot.open()
    snapshot = await engine.latest_snapshot("k")
    assert snapshot is not None
    assert snapshot.data == ["a"]


async def test_the_codec_of_snapshots_is_used_for_them_alone() -> None:
    options: dict[str, Any] = {
        "snapshot_every": 2,
        "snapshot_codec": FunctionCodec(lambda state: {"state": state}, lambda data: data["state"]),
    }
    engine = RiggedEngine()
    await live(engine, *"abc", **options)
    snapshot = await engine.latest_snapshot("k")
    assert snapshot is not None
    assert snapshot.data == {"state": ["a", "b"]}
    assert await live(engine, **options) == ["a", "b", "c"]


@pytest.mark.parametrize("messages", [5, 40, 300])
async def test_snapshots_are_taken_during_a_burst_of_messages(messages: int) -> None:
    """The in-memory engine never waits, so that a burst is handled without a pass of the event loop, but for this."""
    storage = MemoryStorage()
    async with start(configure_persistence(MemoryPersistenceEngine(storage))) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=5)
        await ask(ref)
        for number in range(messages):
            dispatch(ref, number)
        assert await ask(ref) == list(range(messages))
    assert sorted(storage.snapshots["k"]) == list(range(5, messages + 1, 5))


async def test_an_actor_that_stops_in_a_burst_stops_though_a_snapshot_is_due() -> None:
    async def handler(state: int, msg: Any, ctx: PersistentContext[Any, Any]) -> int:
        await ctx.persist(msg)
        if msg == 7:
            stop(ctx.self)
        return state + 1

    storage = MemoryStorage()
    async with start(configure_persistence(MemoryPersistenceEngine(storage))) as system:
        ref = spawn_persistent(
            system, handler, key="k", initial_state=0, apply=lambda state, _: state + 1, snapshot_every=1
        )
        for number in range(20):
            dispatch(ref, number)
        await stopped(ref)
    assert sorted(storage.snapshots["k"]) == list(range(1, 9))


# --- failing ---------------------------------------------------------------------------------------------------------


def raise_value_error(state: Any) -> Any:
    raise ValueError("no snapshot today")


@pytest.mark.parametrize(
    ("encoder", "error"),
    [
        (raise_value_error, ValueError),
        (lambda _: {1, 2}, InvalidEventError),
        (lambda _: float("nan"), InvalidEventError),
    ],
    ids=["raises", "no JSON", "no number"],
)
async def test_a_snapshot_that_cant_be_encoded_is_logged_and_counted_and_the_actor_goes_on(
    encoder: Callable[[Any], Any], error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(
            system, collect, key="k", initial_state=[], snapshot_every=2, snapshot_codec=FunctionCodec(encoder, same)
        )
        for msg in "abcde":
            await ask(ref, msg)
        assert await ask(ref) == list("abcde")
        assert persistence_of(system).failed_snapshots == 2, "at 2 and at 4"
    logged = [record for record in caplog.records if record.name == "nact.persistence"]
    assert [(r.levelno, r.__dict__["nact_key"], r.__dict__["nact_sequence_number"]) for r in logged] == [
        (logging.ERROR, "k", 2),
        (logging.ERROR, "k", 4),
    ]
    assert logged[0].exc_info is not None
    assert logged[0].exc_info[0] is error


async def test_a_snapshot_that_cant_be_stored_is_logged_and_counted_and_the_next_is_tried_when_it_is_due() -> None:
    engine = RiggedEngine()
    engine.snapshot_faults.append(OSError("disk full"))
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=2)
        for msg in "abcde":
            await ask(ref, msg)
        assert persistence_of(system).failed_snapshots == 1
    assert await kept(engine) == [4]
