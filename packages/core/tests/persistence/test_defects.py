"""The defects of nact 7 for JavaScript in persistence, by their numbers: none of them here.

Each test shows the behaviour that the defect broke. What surrounds it is tested beside the module concerned.
"""

import asyncio
from typing import Any

import pytest

from nact import (
    NOBODY,
    ActorStoppedError,
    Decision,
    FunctionCodec,
    KeyInUseError,
    PersistentContext,
    PersistUsageError,
    SystemFailedError,
    configure_persistence,
    dispatch,
    persistent_query,
    spawn,
    spawn_persistent,
    start,
    stop,
)
from nact.persistence import PersistedSnapshot

from .doubles import GET, Judge, RiggedEngine, ask, collect, contents, same, write

pytestmark = pytest.mark.anyio


async def test_defect_14_a_failed_persist_followed_by_resume_leaves_no_gap() -> None:
    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=judge)
        await ask(ref, "a")
        engine.fail_write(OSError("cut"))
        dispatch(ref, "b")
        await judge.fault()
        await ask(ref, "c")
        await ask(ref, "d")
        assert await contents(engine, "k") == [(1, "a"), (2, "c"), (3, "d")]


async def test_defect_15_snapshots_come_at_the_same_numbers_whether_or_not_the_actor_recovered_in_between() -> None:
    engine = RiggedEngine()
    for msg in "abcdef":
        async with start(configure_persistence(engine, close=False)) as system:
            await ask(spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=3), msg)
        latest = await engine.latest_snapshot("k")
        assert (latest.sequence_number if latest else 0) == {"c": 3, "d": 3, "e": 3, "f": 6}.get(msg, 0)


async def test_defect_16_a_query_that_is_polled_once_for_each_event_takes_snapshots() -> None:
    def append(state: list[Any], event: Any) -> list[Any]:
        return [*state, event]

    engine = RiggedEngine()
    taken: set[int] = set()
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, append, key="k", initial_state=[], snapshot_key="s", snapshot_every=3)
        for number in range(1, 8):
            await write(engine, "k", number, after=number - 1)
            await current()
            latest = await engine.latest_snapshot("s")
            taken |= {latest.sequence_number} if latest else set()
    assert taken == {3, 6}


async def test_defect_17_persist_while_recovering_raises_and_doesnt_double_the_journal() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if msg != GET:
            await ctx.persist(msg)
        return [*state, msg]

    engine, judge = RiggedEngine(), Judge(Decision.STOP)
    await write(engine, "k", "a", "b")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=judge)
        with pytest.raises(ActorStoppedError):
            await ask(ref)
        assert isinstance((await judge.fault())[1], PersistUsageError)
        assert await contents(engine, "k") == [(1, "a"), (2, "b")]


async def test_defect_18_a_snapshot_encoder_that_raises_doesnt_stop_the_actor() -> None:
    def encode(state: Any) -> Any:
        raise ValueError

    async with start(configure_persistence(RiggedEngine())) as system:
        ref = spawn_persistent(
            system, collect, key="k", initial_state=[], snapshot_every=1, snapshot_codec=FunctionCodec(encode, same)
        )
        await ask(ref, "a")
        assert await ask(ref, "b") == ["a", "b"]


async def test_defect_19_a_snapshot_doesnt_hold_what_came_later() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if not ctx.recovering:
            await ctx.persist(msg)
        state.append(msg)
        dispatch(ctx.sender, list(state))
        return state

    engine = RiggedEngine()
    engine.before_snapshot.shut()
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state_func=lambda _: [], snapshot_every=2)
        for msg in "abc":
            await ask(ref, msg)
        engine.before_snapshot.open()
    latest = await engine.latest_snapshot("k")
    assert latest is not None
    assert (latest.sequence_number, latest.data) == (2, ["a", "b"])


async def test_defect_20_replay_sends_no_replies_again_though_system_and_actors_have_the_same_names() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        senders.append(ctx.sender)
        return await collect(state, msg, ctx)

    async def client(state: None, msg: Any, ctx: Any) -> None:
        received.append(msg)

    senders: list[Any] = []
    received: list[Any] = []
    engine = RiggedEngine()
    for life in range(2):
        async with start(configure_persistence(engine, close=False), name="same") as system:
            listener = spawn(system, client, "client")
            ref = spawn_persistent(system, handler, key="k", name="actor", initial_state=[])
            if life == 0:
                dispatch(ref, "a", listener)
            await ask(ref)
    assert received == [["a"]]
    assert senders[2] is NOBODY


async def test_defect_21_escalation_at_the_top_during_recovery_stops_the_actor() -> None:
    async def handler(state: None, msg: Any, ctx: PersistentContext[Any, Any]) -> None:
        raise ValueError

    engine = RiggedEngine()
    await write(engine, "k", "a")

    async def life() -> None:
        async with start(configure_persistence(engine)) as system:
            ref = spawn_persistent(system, handler, key="k", on_crash=Judge(Decision.ESCALATE))
            with pytest.raises(ActorStoppedError):
                await ask(ref)

    with pytest.raises(SystemFailedError):
        await life()


async def test_defect_21_reset_during_recovery_leaves_the_old_stream() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if ctx.recovering:
            seen.append(msg)
        if seen == ["a", "b"]:
            raise ValueError
        return await collect(state, msg, ctx)

    seen: list[Any] = []
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=Judge(Decision.RESET))
        assert await ask(ref) == ["a", "b", "c"]
    assert seen == ["a", "b", "a", "b", "c"]


async def test_defect_21_stop_during_recovery_just_stops() -> None:
    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    await write(engine, "k", "a", "b")
    engine.before_read.shut()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=judge)
        await engine.before_read.arrival()
        stop(ref)
        engine.before_read.open()
    assert judge.faults.empty()
    assert system.failures == ()


async def test_defect_22_a_missing_engine_shows_when_the_actor_is_spawned() -> None:
    async with start() as system:
        with pytest.raises(ValueError, match="has no persistence engine"):
            spawn_persistent(system, collect, key="k", initial_state=[])


async def test_defect_22_two_actors_on_one_key_are_noticed() -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        spawn_persistent(system, collect, key="k", initial_state=[])
        with pytest.raises(KeyInUseError):
            spawn_persistent(system, collect, key="k", initial_state=[])


async def test_defect_23_numbers_go_on_after_a_final_snapshot() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=3, data=["a", "b", "c"]))
    async with start(configure_persistence(engine)) as system:
        assert await ask(spawn_persistent(system, collect, key="k", initial_state=[]), "d") == ["a", "b", "c", "d"]
        assert (await contents(engine, "k"))[-1] == (4, "d")


async def test_defect_23_numbers_go_on_after_all_events_are_deleted() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=3, data=["a", "b", "c"]))
    await engine.delete_events("k", up_to=3)
    async with start(configure_persistence(engine)) as system:
        assert await ask(spawn_persistent(system, collect, key="k", initial_state=[]), "d") == ["a", "b", "c", "d"]
        assert (await contents(engine, "k"))[-1] == (4, "d")


async def test_defect_24_an_async_initial_state_doesnt_overwrite_the_recovered_state() -> None:
    async def initial_state(ctx: PersistentContext[Any, Any]) -> list[Any]:
        for _ in range(10):
            await asyncio.sleep(0)
        return ["initial"]

    engine = RiggedEngine()
    await write(engine, "k", "a")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state_func=initial_state)
        assert await ask(ref, "b") == ["initial", "a", "b"]
        assert await ask(ref) == ["initial", "a", "b"]
