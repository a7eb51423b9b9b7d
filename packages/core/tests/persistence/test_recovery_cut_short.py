"""Stops, resets and faults of a persistent actor that is recovering."""

import asyncio
from typing import Any

import pytest

from nact import (
    ActorRef,
    ActorStoppedError,
    Context,
    CorruptJournalError,
    CrashContext,
    Decision,
    EngineUnavailableError,
    HandlerCancelledError,
    PersistentContext,
    PersistUsageError,
    SystemFailedError,
    configure_persistence,
    dispatch,
    spawn,
    spawn_persistent,
    start,
    stop,
)
from nact.persistence import PersistedSnapshot

from .doubles import Judge, RiggedEngine, ask, collect, contents, write

pytestmark = pytest.mark.anyio


# --- stop and reset on the way ---------------------------------------------------------------------------------------


async def test_stop_ends_a_recovery_before_the_next_event_and_gives_back_what_the_reading_held() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        seen.append(msg)
        stop(ctx.self)
        return [*state, msg]

    def ended(state: list[Any], ctx: PersistentContext[Any, Any]) -> None:
        open_reads.append(engine.open_reads)

    seen: list[Any] = []
    open_reads: list[int] = []
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[], after_stop=ended)
        with pytest.raises(ActorStoppedError):
            await ask(ref)
    assert seen == ["a"]
    assert open_reads == [0]


async def test_an_actor_that_is_stopped_while_it_waits_for_its_turn_to_recover_reads_nothing() -> None:
    engine = RiggedEngine()
    engine.before_read.shut()
    async with start(configure_persistence(engine, max_recoveries=1)) as system:
        spawn_persistent(system, collect, key="first", initial_state=[])
        await engine.before_read.arrival()
        second = spawn_persistent(system, collect, key="second", initial_state=[])
        await asyncio.sleep(0)
        stop(second)
        engine.before_read.open()
    assert engine.before_read._arrivals.empty()


async def test_a_reset_during_recovery_begins_anew_and_leaves_the_old_stream() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if ctx.recovering:
            seen.append(msg)
            if seen == ["a", "b"]:
                dispatch(failing, "fail")
                await reset.wait()
        return await collect(state, msg, ctx)

    async def fail(state: None, msg: Any, ctx: Context[Any]) -> None:
        raise ValueError

    def reset_all(*_: Any) -> Decision:
        asyncio.get_running_loop().call_soon(reset.set)  # when the decision is carried out
        return Decision.RESET_ALL

    seen: list[Any] = []
    reset = asyncio.Event()
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    async with start(configure_persistence(engine)) as system:
        failing = spawn(system, fail, on_crash=reset_all)
        ref = spawn_persistent(system, handler, key="k", initial_state=[])
        assert await ask(ref, "d") == ["a", "b", "c", "d"]
    assert seen == ["a", "b", "a", "b", "c"]


# --- faults on the way -----------------------------------------------------------------------------------------------


class Stumbles:
    """A handler that raises at an event, as often as it is told to."""

    def __init__(self, at: Any, times: int = 1_000) -> None:
        self._at = at
        self._times = times

    async def __call__(self, state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if msg == self._at and ctx.recovering and self._times:
            self._times -= 1
            raise ValueError(f"no {msg}")
        return await collect(state, msg, ctx)


@pytest.mark.parametrize("decision", [Decision.RESUME, Decision.STOP_ALL_CHILDREN, Decision.RESET_ALL_CHILDREN])
async def test_an_event_at_which_the_handler_fails_is_passed_over_if_the_policy_goes_on(decision: Decision) -> None:
    engine, judge = RiggedEngine(), Judge(decision)
    await write(engine, "k", "a", "b", "c")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, Stumbles("b"), key="k", initial_state=[], on_crash=judge)
        assert await ask(ref, "d") == ["a", "c", "d"]
        msg, error = await judge.fault()
        assert (msg, str(error)) == ("b", "no b")
        assert await contents(engine, "k") == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


@pytest.mark.parametrize("decision", [Decision.STOP, Decision.STOP_ALL])
async def test_an_actor_that_is_stopped_for_a_fault_in_recovery_handles_nothing_more(decision: Decision) -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, Stumbles("b"), key="k", initial_state=[], on_crash=Judge(decision))
        with pytest.raises(ActorStoppedError):
            await ask(ref)
        assert system.children == {}


@pytest.mark.parametrize("decision", [Decision.STOP_CHILD, Decision.RESET_CHILD])
async def test_a_decision_about_a_child_that_there_isnt_stops_a_recovering_actor(decision: Decision) -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, Stumbles("a"), key="k", initial_state=[], on_crash=Judge(decision))
        with pytest.raises(ActorStoppedError):
            await ask(ref)


@pytest.mark.clockwork
@pytest.mark.parametrize("decision", [Decision.RESET, Decision.RESET_ALL])
async def test_an_actor_that_is_reset_for_a_fault_in_recovery_recovers_from_the_beginning(decision: Decision) -> None:
    engine, judge = RiggedEngine(), Judge(decision)
    await write(engine, "k", "a", "b", "c")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, Stumbles("b", times=2), key="k", initial_state=[], on_crash=judge)
        assert await ask(ref, "d") == ["a", "b", "c", "d"]
        assert judge.faults.qsize() == 2


async def test_a_fault_in_recovery_that_is_escalated_at_the_top_stops_the_actor_and_the_system_has_failed() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b")

    async def life() -> None:
        async with start(configure_persistence(engine), name="sys") as system:
            policy = Judge(Decision.ESCALATE)
            ref = spawn_persistent(system, Stumbles("b"), key="k", name="actor", initial_state=[], on_crash=policy)
            with pytest.raises(ActorStoppedError):
                await ask(ref)

    with pytest.raises(SystemFailedError, match=r"sys://actor: ValueError: no b"):
        await life()


@pytest.mark.parametrize(
    ("decision", "expected"),
    [(Decision.RESET_CHILD, ["a", "b"]), (Decision.RESUME, ["a"]), (Decision.STOP_CHILD, None)],
)
async def test_a_parent_decides_about_a_fault_in_its_childs_recovery(decision: Decision, expected: Any) -> None:
    async def parent(state: ActorRef[Any], msg: Any, ctx: Context[Any]) -> ActorRef[Any]:
        dispatch(ctx.sender, state)
        return state

    def family(ctx: Context[Any]) -> ActorRef[Any]:
        return spawn_persistent(
            ctx.self, Stumbles("b", times=1), key="k", initial_state=[], on_crash=Judge(Decision.ESCALATE)
        )

    engine, judge = RiggedEngine(), Judge(decision)
    await write(engine, "k", "a", "b")
    async with start(configure_persistence(engine)) as system:
        child = await ask(spawn(system, parent, initial_state_func=family, on_crash=judge))
        await judge.fault()
        if expected is None:
            with pytest.raises(ActorStoppedError):
                await ask(child)
        else:
            assert await ask(child) == expected


@pytest.mark.clockwork
async def test_an_actor_whose_journal_cant_be_read_for_a_while_recovers_when_it_can_again_if_it_is_reset() -> None:
    engine, judge = RiggedEngine(), Judge(Decision.RESET)
    await write(engine, "k", "a", "b")
    cut = EngineUnavailableError("cut in the middle")
    engine.read_faults.extend([cut, cut])
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=judge)
        assert await ask(ref, "c") == ["a", "b", "c"]
        assert [await judge.fault(), await judge.fault()] == [(None, cut), (None, cut)]


@pytest.mark.parametrize("decision", [Decision.RESUME, Decision.STOP_ALL_CHILDREN, Decision.STOP])
async def test_an_actor_whose_journal_cant_be_read_never_goes_live_without_its_state(decision: Decision) -> None:
    engine, judge = RiggedEngine(), Judge(decision)
    await write(engine, "k", "a", "b")
    engine.read_faults.append(EngineUnavailableError("cut in the middle"))
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=judge)
        with pytest.raises(ActorStoppedError):
            await ask(ref)


@pytest.mark.parametrize("decision", [Decision.RESUME, Decision.STOP])
async def test_an_actor_that_cant_recover_after_an_unknown_outcome_stops(decision: Decision) -> None:
    policy = Judge(Decision.RESUME)
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=policy)
        await ask(ref, "a")
        engine.fail_write(OSError("cut"))
        engine.read_faults.append(EngineUnavailableError("cut"))
        dispatch(ref, "b")
        await policy.fault()
        with pytest.raises(ActorStoppedError):
            await ask(ref)


async def test_a_handler_that_is_cancelled_by_what_it_awaits_in_recovery_is_a_fault_of_the_actor() -> None:
    async def handler(state: None, msg: Any, ctx: PersistentContext[Any, Any]) -> None:
        cancelled = asyncio.get_running_loop().create_future()
        cancelled.cancel()
        await cancelled

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    await write(engine, "k", "a")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", on_crash=judge)
        assert isinstance((await judge.fault())[1], HandlerCancelledError)
        with pytest.raises(ActorStoppedError):
            await ask(ref)
        assert engine.open_reads == 0


async def test_an_initial_state_func_that_raises_when_the_actor_is_reset_leaves_it_no_state_to_go_on_with() -> None:
    def initial_state(ctx: PersistentContext[Any, Any]) -> list[Any]:
        if fails:
            raise fails.pop()
        return []

    def policy(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        return Decision.RESET if isinstance(error, PersistUsageError) else Decision.RESUME

    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if msg == "fail":
            fails.append(ValueError("no state"))
            raise PersistUsageError
        return await collect(state, msg, ctx)

    fails: list[Exception] = []
    async with start(configure_persistence(RiggedEngine())) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state_func=initial_state, on_crash=policy)
        await ask(ref, "a")
        dispatch(ref, "fail")
        with pytest.raises(ActorStoppedError):
            await ask(ref)


async def test_the_journal_that_couldnt_be_read_is_named_by_the_log(caplog: pytest.LogCaptureFixture) -> None:
    engine = RiggedEngine()
    engine.read_faults.append(CorruptJournalError("it is damaged", "k", 7))
    async with start(configure_persistence(engine)) as system:
        with pytest.raises(ActorStoppedError):
            await ask(spawn_persistent(system, collect, key="k", name="actor", initial_state=[]))
    (record,) = [record for record in caplog.records if record.name == "nact.actors"]
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the journal of key 'k' at sequence number 7 can't be read: it is damaged"


async def test_the_state_of_a_snapshot_is_where_the_replay_begins() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=2, data=["of the snapshot"]))
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=["unused"])
        assert await ask(ref, "d") == ["of the snapshot", "c", "d"]
        assert await contents(engine, "k") == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
