"""`ctx.snapshot`, `ctx.forget_events`, `ctx.erase`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nact import (
    ActorSystem,
    Decision,
    EngineUnavailableError,
    PersistentContext,
    PersistUsageError,
    Retention,
    SequenceConflictError,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
    stopped,
)
from nact.persistence import MemoryPersistenceEngine, PersistedEvent

from .doubles import Judge, RiggedEngine, ask, contents, stored
from .lives import kept

pytestmark = pytest.mark.anyio

Step = Callable[[int, PersistentContext[Any, int]], Awaitable[int]]


async def obey(total: int, msg: Any, ctx: PersistentContext[Any, int]) -> int:
    """A handler that persists numbers, and does as it is told by functions."""
    if callable(msg):
        total = await msg(total, ctx)
    elif msg != "get":
        await ctx.persist(msg)
        total += msg
    dispatch(ctx.sender, total)
    return total


def summing(system: ActorSystem, **options: Any) -> Any:
    return spawn_persistent(system, obey, key="k", initial_state=0, apply=int.__add__, **options)


async def lived(engine: Any, *msgs: Any, **options: Any) -> Any:
    """The state after these messages, in one life."""
    async with start(configure_persistence(engine, close=False)) as system:
        ref = summing(system, **options)
        for msg in msgs:
            await ask(ref, msg)
        return await ask(ref)


async def snap(total: int, ctx: PersistentContext[Any, int]) -> int:
    await ctx.snapshot()
    return total


async def forget(total: int, ctx: PersistentContext[Any, int]) -> int:
    await ctx.forget_events()
    return total


async def erase(total: int, ctx: PersistentContext[Any, int]) -> int:
    return await ctx.erase()


async def test_a_snapshot_is_there_when_it_was_awaited() -> None:
    engine = RiggedEngine()
    assert await lived(engine, 1, 2, snap, 3) == 6
    assert await kept(engine) == [2]
    snapshot = await engine.latest_snapshot("k")
    assert snapshot is not None
    assert snapshot.data == 3
    assert await lived(engine) == 6


async def test_a_snapshot_after_an_event_of_the_same_message_needs_the_state() -> None:
    async def both(total: int, ctx: PersistentContext[Any, int]) -> int:
        await ctx.persist(5)
        with pytest.raises(PersistUsageError, match=r"ctx\.snapshot\(state\) needs the state after them"):
            await ctx.snapshot()
        await ctx.snapshot(total + 5)
        return total + 5

    engine = RiggedEngine()
    assert await lived(engine, 1, both) == 6
    snapshot = await engine.latest_snapshot("k")
    assert snapshot is not None
    assert (snapshot.sequence_number, snapshot.data) == (2, 6)


async def test_another_state_than_the_events_make_is_refused() -> None:
    async def wrong(total: int, ctx: PersistentContext[Any, int]) -> int:
        for method in (ctx.snapshot, ctx.forget_events):
            with pytest.raises(PersistUsageError, match="takes no other state than the one"):
                method(total + 1000)
        return total

    engine = RiggedEngine()
    assert await lived(engine, 1, wrong) == 1
    assert await kept(engine) == []


async def test_forgetting_keeps_the_state_and_deletes_the_events() -> None:
    engine = RiggedEngine()
    assert await lived(engine, 1, 2, forget, 3) == 6
    assert [event.is_deleted for event in await stored(engine, "k")] == [True, False]
    assert await lived(engine, 4) == 10


async def test_erasing_leaves_nothing_of_the_past() -> None:
    engine = RiggedEngine()
    assert await lived(engine, 1, 2, snap, 3, erase) == 0
    (tombstone,) = await stored(engine, "k")
    assert (tombstone.sequence_number, tombstone.is_deleted) == (3, True)
    snapshot = await engine.latest_snapshot("k")
    assert snapshot is not None
    assert (snapshot.sequence_number, snapshot.data, snapshot.metadata) == (3, 0, {})
    assert await kept(engine) == [3]
    assert await lived(engine, 4) == 4
    assert await contents(engine, "k") == [(3, None), (4, 4)]


async def test_erasing_can_leave_something_else_than_the_initial_state() -> None:
    async def close(total: int, ctx: PersistentContext[Any, int]) -> int:
        return await ctx.erase(-1)

    engine = RiggedEngine()
    assert await lived(engine, 1, close) == -1
    assert await lived(engine) == -1


async def test_erasing_waits_for_a_snapshot_that_is_being_taken() -> None:
    engine = RiggedEngine()
    engine.before_snapshot.shut()
    async with start(configure_persistence(engine, close=False)) as system:
        ref = summing(system, snapshot_every=2)
        await ask(ref, 1)
        await ask(ref, 2)
        await engine.before_snapshot.arrival()
        erased = asyncio.create_task(ask(ref, erase))
        await asyncio.sleep(0)
        engine.before_snapshot.open()
        assert await erased == 0
    snapshot = await engine.latest_snapshot("k")
    assert snapshot is not None
    assert (await kept(engine), snapshot.data) == ([2], 0)


async def test_commands_are_erased_too() -> None:
    async def command(total: int, ctx: PersistentContext[Any, int]) -> int:
        await ctx.persist(5, command_id="one")
        return total + 5

    async def seen(total: int, ctx: PersistentContext[Any, int]) -> int:
        return len(ctx.seen("one"))

    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = summing(system)
        await ask(ref, command)
        assert await ask(ref, seen) == 1
    engine = RiggedEngine()
    assert await lived(engine, command, erase, seen) == 0


async def test_a_handler_that_returns_another_state_than_what_remains_recovers() -> None:
    async def wrong(total: int, ctx: PersistentContext[Any, int]) -> int:
        await ctx.erase()
        return total

    judge = Judge(Decision.RESUME)
    async with start(configure_persistence(RiggedEngine())) as system:
        ref = summing(system, on_crash=judge)
        await ask(ref, 7)
        dispatch(ref, wrong)
        _, error = await judge.fault()
        assert "return what ctx.erase returned" in str(error)
        assert await ask(ref) == 0


async def test_an_erasure_that_is_cut_off_makes_the_actor_recover() -> None:
    engine, judge = RiggedEngine(), Judge(Decision.RESUME)

    async def gone(*args: Any, **kwargs: Any) -> None:
        raise EngineUnavailableError("gone")

    async with start(configure_persistence(engine, close=False)) as system:
        ref = summing(system, on_crash=judge)
        await ask(ref, 7)
        engine.delete_events = gone  # type: ignore[method-assign]
        dispatch(ref, erase)
        await judge.fault()
        assert await ask(ref) == 0  # the snapshot of what remains was stored before
    del engine.delete_events
    assert await lived(engine, erase) == 0
    assert all(event.is_deleted for event in await stored(engine, "k"))


@pytest.mark.parametrize("step", [forget, erase], ids=["forget_events", "erase"])
async def test_where_another_process_went_on_nothing_is_deleted(step: Step) -> None:
    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine, close=False)) as system:
        ref = summing(system, on_crash=judge)
        await ask(ref, 7)
        other = RiggedEngine(engine._storage)
        assert await lived(other, 1, forget, 2) == 10
        dispatch(ref, step)
        _, error = await judge.fault()
        assert isinstance(error, SequenceConflictError)
        await stopped(ref)
    assert await lived(other) == 10


@pytest.mark.parametrize("step", [forget, erase], ids=["forget_events", "erase"])
async def test_where_another_process_has_persisted_nothing_is_changed(step: Step) -> None:
    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine, close=False)) as system:
        ref = summing(system, on_crash=judge)
        await ask(ref, 7)
        other = RiggedEngine(engine._storage)
        assert await lived(other, 1) == 8
        dispatch(ref, step)
        _, error = await judge.fault()
        assert isinstance(error, SequenceConflictError)
        await stopped(ref)
    assert await kept(other) == []
    assert await contents(other, "k") == [(1, 7), (2, 1)]


@pytest.mark.parametrize("method", ["snapshot", "forget_events"])
async def test_an_event_that_is_persisted_meanwhile_isnt_counted_into_the_state(method: str) -> None:
    async def both(total: int, ctx: PersistentContext[Any, int]) -> int:
        late = getattr(ctx, method)()
        await ctx.persist(5)
        with pytest.raises(PersistUsageError, match="an event was persisted meanwhile"):
            await late
        return total + 5

    engine = RiggedEngine()
    assert await lived(engine, 1, both) == 6
    assert await kept(engine) == []
    assert await lived(engine) == 6


async def test_a_persist_waits_until_events_are_forgotten() -> None:
    async def both(total: int, ctx: PersistentContext[Any, int]) -> int:
        await asyncio.gather(ctx.forget_events(), ctx.persist(5))
        return total + 5

    engine = RiggedEngine()
    assert await lived(engine, 1, both) == 6
    assert await contents(engine, "k") == [(1, None), (2, 5)]
    assert await lived(engine) == 6


async def test_an_erasure_that_goes_on_after_its_message_is_recovered_from() -> None:
    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    begun: list[asyncio.Task[Any]] = []

    async def careless(total: int, ctx: PersistentContext[Any, int]) -> int:
        begun.append(asyncio.ensure_future(ctx.erase()))
        await engine.before_snapshot.arrival()
        return total

    async with start(configure_persistence(engine, close=False)) as system:
        ref = summing(system, on_crash=judge)
        await ask(ref, 7)
        engine.before_snapshot.shut()
        dispatch(ref, careless)
        await judge.fault()
        engine.before_snapshot.open()
        assert await ask(ref, 2) == 2
        await begun[0]
    assert await lived(engine) == 2


async def test_nothing_is_persisted_after_an_erasure_in_the_same_message() -> None:
    async def both(total: int, ctx: PersistentContext[Any, int]) -> int:
        total = await ctx.erase()
        with pytest.raises(PersistUsageError, match="this message has erased the journal"):
            await ctx.persist(5)
        return total

    assert await lived(RiggedEngine(), 1, both, 3) == 3


async def test_a_mutable_initial_state_is_no_state_to_go_on_with() -> None:
    async def handler(state: list[str], msg: str, ctx: PersistentContext[str, str]) -> list[str]:
        if msg == "erase":
            with pytest.raises(PersistUsageError, match="initial_state in place"):
                await ctx.erase()
            remaining = ["nobody"]
            state = await ctx.erase(remaining)
            assert state is not remaining
        elif msg != "get":
            if not ctx.recovering:
                await ctx.persist(msg)
            state.append(msg)  # in place
        dispatch(ctx.sender, list(state))
        return state

    engine = RiggedEngine()
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[])
        await ask(ref, "Ada")
        assert await ask(ref, "erase") == ["nobody"]
    snapshot = await engine.latest_snapshot("k")
    assert snapshot is not None
    assert snapshot.data == ["nobody"]


async def test_snapshots_of_one_number_count_once_for_retention() -> None:
    engine = RiggedEngine()
    await lived(engine, 1, 1, snap, snap, 1, 1, snapshot_every=2, retention=Retention(2))
    assert await kept(engine) == [2, 4]


async def test_a_state_without_an_event_cant_remain() -> None:
    async def close(total: int, ctx: PersistentContext[Any, int]) -> int:
        with pytest.raises(PersistUsageError, match="nothing is stored"):
            await ctx.erase(-1)
        return total

    assert await lived(RiggedEngine(), close) == 0


async def test_a_key_without_events_is_erased_at_once() -> None:
    engine = RiggedEngine()
    assert await lived(engine, erase) == 0
    assert await stored(engine, "k") == []


@pytest.mark.parametrize("step", [snap, forget], ids=["snapshot", "forget_events"])
async def test_there_is_nothing_to_keep_before_the_first_event(step: Step) -> None:
    judge = Judge(Decision.RESUME)
    async with start(configure_persistence(RiggedEngine())) as system:
        ref = summing(system, on_crash=judge)
        dispatch(ref, step)
        _, error = await judge.fault()
        assert isinstance(error, PersistUsageError)
        assert "nothing was ever persisted under 'k'" in str(error)


class EventsOnly:
    """An engine without abilities."""

    def __init__(self) -> None:
        self._engine = MemoryPersistenceEngine()
        self.events = self._engine.events

    async def persist(self, event: PersistedEvent) -> None:
        await self._engine.persist(event)


@pytest.mark.parametrize("step", [snap, forget, erase], ids=["snapshot", "forget_events", "erase"])
async def test_an_engine_without_the_ability_is_told(step: Step) -> None:
    judge = Judge(Decision.RESUME)
    async with start(configure_persistence(EventsOnly())) as system:
        ref = summing(system, on_crash=judge)
        await ask(ref, 1)
        dispatch(ref, step)
        _, error = await judge.fault()
        assert isinstance(error, PersistUsageError)
        assert "keeps no snapshots" in str(error)
        assert await ask(ref) == 1


async def test_housekeeping_that_isnt_awaited_is_a_fault() -> None:
    async def careless(total: int, ctx: PersistentContext[Any, int]) -> int:
        _ = ctx.snapshot()
        return total

    judge = Judge(Decision.RESUME)
    async with start(configure_persistence(RiggedEngine())) as system:
        ref = summing(system, on_crash=judge)
        await ask(ref, 1)
        dispatch(ref, careless)
        _, error = await judge.fault()
        assert isinstance(error, PersistUsageError)
        assert await ask(ref) == 1
