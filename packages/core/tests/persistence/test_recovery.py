"""How a persistent actor gets its state back: in order, bounded, interruptible, and never beside another of its key."""

import asyncio
import logging
from typing import Any

import pytest

from nact import (
    NOBODY,
    ActorRef,
    ActorStoppedError,
    Context,
    CorruptJournalError,
    CrashContext,
    Decision,
    EngineUnavailableError,
    HandlerCancelledError,
    KeyInUseError,
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

from .doubles import GET, PATIENCE, Judge, RiggedEngine, ask, collect, contents, write

pytestmark = pytest.mark.anyio


# --- what the handler sees -------------------------------------------------------------------------------------------


async def test_an_actor_first_receives_all_that_was_persisted_in_order_from_nobody_and_then_new_messages() -> None:
    async def handler(state: None, msg: Any, ctx: PersistentContext[Any]) -> None:
        seen.append((msg, ctx.recovering, ctx.sender is NOBODY))
        if not ctx.recovering:
            dispatch(ctx.sender, "done")

    seen: list[tuple[Any, bool, bool]] = []
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    engine.before_read.shut()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k")
        await engine.before_read.arrival()
        answer = asyncio.ensure_future(ask(ref, "new"))
        engine.before_read.open()
        assert await answer == "done"
    assert seen == [("a", True, True), ("b", True, True), ("c", True, True), ("new", False, False)]


async def test_a_sync_handler_is_replayed_too() -> None:
    def handler(state: int, msg: Any, ctx: PersistentContext[Any]) -> int:
        if msg == GET:
            dispatch(ctx.sender, state)
            return state
        return state + int(msg)

    engine = RiggedEngine()
    await write(engine, "k", 1, 2, 3)
    async with start(configure_persistence(engine)) as system:
        ref: ActorRef[Any] = spawn_persistent(system, handler, "k", initial_state=0)  # type: ignore[arg-type]
        assert await ask(ref) == 6


async def test_a_decoder_makes_the_messages_that_are_replayed() -> None:
    engine = RiggedEngine()
    await write(engine, "k", {"is": "a"}, {"is": "b"})
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=[], decoder=lambda data: data["is"])
        assert await ask(ref) == ["a", "b"]


async def test_an_actor_without_a_journal_begins_with_its_initial_state() -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        assert await ask(spawn_persistent(system, collect, "k", initial_state=["first"])) == ["first"]


async def test_an_actor_spawned_again_goes_on_where_the_one_before_ended() -> None:
    engine = RiggedEngine()
    for number in range(1, 4):
        async with start(configure_persistence(engine, close=False)) as system:
            ref = spawn_persistent(system, collect, "k", initial_state=[])
            assert await ask(ref, number) == list(range(1, number + 1))
    assert await contents(engine, "k") == [(1, 1), (2, 2), (3, 3)]


async def test_keys_are_isolated() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        one = spawn_persistent(system, collect, "k", initial_state=[])
        two = spawn_persistent(system, collect, "K", initial_state=[])
        await ask(one, "a")
        assert await ask(two, "b") == ["b"]
        assert await ask(one) == ["a"]


@pytest.mark.clockwork
async def test_an_actor_can_be_shut_down_when_it_is_idle_and_recovers_when_it_is_spawned_again() -> None:
    ended = asyncio.Event()
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        first = spawn_persistent(
            system, collect, "k", initial_state=[], shutdown_after=0.01, after_stop=lambda *_: ended.set()
        )
        await ask(first, "a")
        await asyncio.wait_for(ended.wait(), PATIENCE)
        assert await ask(spawn_persistent(system, collect, "k", initial_state=[])) == ["a"]


# --- how many at once ------------------------------------------------------------------------------------------------


async def test_a_recovery_is_logged_for_those_who_look_closely(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="nact.persistence")
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=2, data=["a", "b"]))
    async with start(configure_persistence(engine), name="shop") as system:
        await ask(spawn_persistent(system, collect, "k", "till", initial_state=[]))
    (record,) = caplog.records
    assert record.getMessage() == (
        "shop://till has recovered key 'k': it goes on after event 3, having begun with the snapshot at 2"
    )
    fields = [record.__dict__[name] for name in ("nact_actor", "nact_key", "nact_sequence_number")]
    assert fields == ["shop://till", "k", 3]


async def test_only_so_many_actors_recover_at_once() -> None:
    engine = RiggedEngine()
    engine.before_read.shut()
    async with start(configure_persistence(engine, max_recoveries=2)) as system:
        refs = [spawn_persistent(system, collect, f"key {number}", initial_state=[]) for number in range(6)]
        await engine.before_read.arrival()
        await engine.before_read.arrival()
        for _ in range(20):
            await asyncio.sleep(0)
        assert engine.before_read.passing == 2
        engine.before_read.open()
        assert await asyncio.gather(*[ask(ref) for ref in refs]) == [[]] * 6


async def test_a_policy_that_takes_its_time_keeps_no_other_actor_from_recovering() -> None:
    async def fails(state: None, msg: Any, ctx: PersistentContext[Any]) -> None:
        raise ValueError

    async def slow(*_: Any) -> Decision:
        asked.set()
        await decide.wait()
        return Decision.RESUME

    asked, decide = asyncio.Event(), asyncio.Event()
    engine = RiggedEngine()
    await write(engine, "poisoned", "a")
    async with start(configure_persistence(engine, max_recoveries=1)) as system:
        spawn_persistent(system, fails, "poisoned", on_crash=slow)
        await asked.wait()
        assert await ask(spawn_persistent(system, collect, "sound", initial_state=[])) == []
        decide.set()


# --- one writer a key ------------------------------------------------------------------------------------------------


async def test_a_key_that_a_living_actor_writes_to_cant_be_given_to_another() -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        ref = spawn_persistent(system, collect, "k", "first", initial_state=[])
        with pytest.raises(KeyInUseError, match=rf"{ref.path} already writes to the persistence key 'k'"):
            spawn_persistent(system, collect, "k", "second", initial_state=[])
        assert "second" not in system.children
        assert await ask(ref, "a") == ["a"]


async def test_an_actor_waits_for_the_end_of_the_one_that_wrote_to_its_key_before() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        first = spawn_persistent(system, collect, "k", initial_state=[])
        await ask(first, "a")
        engine.before_write.shut()
        dispatch(first, "b")
        await engine.before_write.arrival()
        await engine.before_write.arrival()
        stop(first)
        second = spawn_persistent(system, collect, "k", initial_state=[])
        answer = asyncio.ensure_future(ask(second, "c"))
        await asyncio.sleep(0)
        engine.before_write.open()
        assert await answer == ["a", "b", "c"]


async def test_an_actor_waits_for_all_that_wrote_to_its_key_before_though_one_was_stopped_before_it_had_begun() -> None:
    engine = RiggedEngine()
    engine.before_write.shut()
    async with start(configure_persistence(engine)) as system:
        first = spawn_persistent(system, collect, "k", initial_state=[])
        dispatch(first, "a")
        await engine.before_write.arrival()
        stop(first)
        ended = asyncio.Event()
        second = spawn_persistent(system, collect, "k", initial_state=[], after_stop=lambda *_: ended.set())
        stop(second)
        await asyncio.wait_for(ended.wait(), PATIENCE)
        third = spawn_persistent(system, collect, "k", initial_state=[])
        answer = asyncio.ensure_future(ask(third, "b"))
        engine.before_write.open()
        assert await answer == ["a", "b"]


async def test_an_actor_waits_for_all_that_wrote_to_its_key_before_though_none_has_ended() -> None:
    engine = RiggedEngine()
    engine.before_write.shut()
    async with start(configure_persistence(engine)) as system:
        for _ in range(3):
            ref = spawn_persistent(system, collect, "k", initial_state=[])
            dispatch(ref, "dropped, but for the first")
            if engine.before_write.passing == 0:
                await engine.before_write.arrival()
            stop(ref)
        last = spawn_persistent(system, collect, "k", initial_state=[])
        engine.before_write.open()
        assert await ask(last, "b") == ["dropped, but for the first", "b"]


async def test_a_key_is_free_when_its_actors_have_ended() -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        for _ in range(3):
            ref = spawn_persistent(system, collect, "k", initial_state=[])
            await ask(ref)
            stop(ref)
        assert system.persistence is not None
        await asyncio.sleep(0)
        assert system.persistence._writers == {}


async def test_a_key_is_free_when_its_actors_have_ended_though_the_last_of_them_was_the_first_to_end() -> None:
    engine = RiggedEngine()
    engine.before_write.shut()
    async with start(configure_persistence(engine)) as system:
        first = spawn_persistent(system, collect, "k", initial_state=[])
        dispatch(first, "a")
        await engine.before_write.arrival()
        stop(first)
        stop(spawn_persistent(system, collect, "k", initial_state=[]))
        engine.before_write.open()
    assert system.persistence is not None
    assert system.persistence._writers == {}


# --- stop and reset on the way ---------------------------------------------------------------------------------------


async def test_stop_ends_a_recovery_before_the_next_event_and_gives_back_what_the_reading_held() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        seen.append(msg)
        stop(ctx.self)
        return [*state, msg]

    def ended(state: list[Any], ctx: PersistentContext[Any]) -> None:
        open_reads.append(engine.open_reads)

    seen: list[Any] = []
    open_reads: list[int] = []
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[], after_stop=ended)
        with pytest.raises(ActorStoppedError):
            await ask(ref)
    assert seen == ["a"]
    assert open_reads == [0]


async def test_an_actor_that_is_stopped_while_it_waits_for_its_turn_to_recover_reads_nothing() -> None:
    engine = RiggedEngine()
    engine.before_read.shut()
    async with start(configure_persistence(engine, max_recoveries=1)) as system:
        spawn_persistent(system, collect, "first", initial_state=[])
        await engine.before_read.arrival()
        second = spawn_persistent(system, collect, "second", initial_state=[])
        await asyncio.sleep(0)
        stop(second)
        engine.before_read.open()
    assert engine.before_read._arrivals.empty()


async def test_a_reset_during_recovery_begins_anew_and_leaves_the_old_stream() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
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
        ref = spawn_persistent(system, handler, "k", initial_state=[])
        assert await ask(ref, "d") == ["a", "b", "c", "d"]
    assert seen == ["a", "b", "a", "b", "c"]


# --- faults on the way -----------------------------------------------------------------------------------------------


class Stumbles:
    """A handler that raises at an event, as often as it is told to."""

    def __init__(self, at: Any, times: int = 1_000) -> None:
        self._at = at
        self._times = times

    async def __call__(self, state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if msg == self._at and ctx.recovering and self._times:
            self._times -= 1
            raise ValueError(f"no {msg}")
        return await collect(state, msg, ctx)


@pytest.mark.parametrize("decision", [Decision.RESUME, Decision.STOP_ALL_CHILDREN, Decision.RESET_ALL_CHILDREN])
async def test_an_event_at_which_the_handler_fails_is_passed_over_if_the_policy_goes_on(decision: Decision) -> None:
    engine, judge = RiggedEngine(), Judge(decision)
    await write(engine, "k", "a", "b", "c")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, Stumbles("b"), "k", initial_state=[], on_crash=judge)
        assert await ask(ref, "d") == ["a", "c", "d"]
        msg, error = await judge.fault()
        assert (msg, str(error)) == ("b", "no b")
        assert await contents(engine, "k") == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


@pytest.mark.parametrize("decision", [Decision.STOP, Decision.STOP_ALL])
async def test_an_actor_that_is_stopped_for_a_fault_in_recovery_handles_nothing_more(decision: Decision) -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, Stumbles("b"), "k", initial_state=[], on_crash=Judge(decision))
        with pytest.raises(ActorStoppedError):
            await ask(ref)
        assert system.children == {}


@pytest.mark.parametrize("decision", [Decision.STOP_CHILD, Decision.RESET_CHILD])
async def test_a_decision_about_a_child_that_there_isnt_stops_a_recovering_actor(decision: Decision) -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, Stumbles("a"), "k", initial_state=[], on_crash=Judge(decision))
        with pytest.raises(ActorStoppedError):
            await ask(ref)


@pytest.mark.clockwork
@pytest.mark.parametrize("decision", [Decision.RESET, Decision.RESET_ALL])
async def test_an_actor_that_is_reset_for_a_fault_in_recovery_recovers_from_the_beginning(decision: Decision) -> None:
    engine, judge = RiggedEngine(), Judge(decision)
    await write(engine, "k", "a", "b", "c")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, Stumbles("b", times=2), "k", initial_state=[], on_crash=judge)
        assert await ask(ref, "d") == ["a", "b", "c", "d"]
        assert judge.faults.qsize() == 2


async def test_a_fault_in_recovery_that_is_escalated_at_the_top_stops_the_actor_and_the_system_has_failed() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b")

    async def life() -> None:
        async with start(configure_persistence(engine), name="sys") as system:
            policy = Judge(Decision.ESCALATE)
            ref = spawn_persistent(system, Stumbles("b"), "k", "actor", initial_state=[], on_crash=policy)
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
            ctx.self, Stumbles("b", times=1), "k", initial_state=[], on_crash=Judge(Decision.ESCALATE)
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
    cut = EngineUnavailableError("cut in the middle", outcome_known=True)
    engine.read_faults.extend([cut, cut])
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=[], on_crash=judge)
        assert await ask(ref, "c") == ["a", "b", "c"]
        assert [await judge.fault(), await judge.fault()] == [(None, cut), (None, cut)]


@pytest.mark.parametrize("decision", [Decision.RESUME, Decision.STOP_ALL_CHILDREN, Decision.STOP])
async def test_an_actor_whose_journal_cant_be_read_never_goes_live_without_its_state(decision: Decision) -> None:
    engine, judge = RiggedEngine(), Judge(decision)
    await write(engine, "k", "a", "b")
    engine.read_faults.append(EngineUnavailableError("cut in the middle", outcome_known=True))
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=[], on_crash=judge)
        with pytest.raises(ActorStoppedError):
            await ask(ref)


@pytest.mark.parametrize("decision", [Decision.RESUME, Decision.STOP])
async def test_an_actor_that_cant_recover_after_an_unknown_outcome_stops(decision: Decision) -> None:
    policy = Judge(Decision.RESUME)
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=[], on_crash=policy)
        await ask(ref, "a")
        engine.fail_write(OSError("cut"))
        engine.read_faults.append(EngineUnavailableError("cut", outcome_known=True))
        dispatch(ref, "b")
        await policy.fault()
        with pytest.raises(ActorStoppedError):
            await ask(ref)


async def test_a_handler_that_is_cancelled_by_what_it_awaits_in_recovery_is_a_fault_of_the_actor() -> None:
    async def handler(state: None, msg: Any, ctx: PersistentContext[Any]) -> None:
        cancelled = asyncio.get_running_loop().create_future()
        cancelled.cancel()
        await cancelled

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    await write(engine, "k", "a")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", on_crash=judge)
        assert isinstance((await judge.fault())[1], HandlerCancelledError)
        with pytest.raises(ActorStoppedError):
            await ask(ref)
        assert engine.open_reads == 0


async def test_an_initial_state_func_that_raises_when_the_actor_is_reset_leaves_it_no_state_to_go_on_with() -> None:
    def initial_state(ctx: PersistentContext[Any]) -> list[Any]:
        if fails:
            raise fails.pop()
        return []

    def policy(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        return ctx.reset if isinstance(error, PersistUsageError) else ctx.resume

    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if msg == "fail":
            fails.append(ValueError("no state"))
            raise PersistUsageError
        return await collect(state, msg, ctx)

    fails: list[Exception] = []
    async with start(configure_persistence(RiggedEngine())) as system:
        ref = spawn_persistent(system, handler, "k", initial_state_func=initial_state, on_crash=policy)
        await ask(ref, "a")
        dispatch(ref, "fail")
        with pytest.raises(ActorStoppedError):
            await ask(ref)


async def test_the_journal_that_couldnt_be_read_is_named_by_the_log(caplog: pytest.LogCaptureFixture) -> None:
    engine = RiggedEngine()
    engine.read_faults.append(CorruptJournalError("it is damaged", "k", 7))
    async with start(configure_persistence(engine)) as system:
        with pytest.raises(ActorStoppedError):
            await ask(spawn_persistent(system, collect, "k", "actor", initial_state=[]))
    (record,) = [record for record in caplog.records if record.name == "nact.actors"]
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the journal of key 'k' at sequence number 7 can't be read: it is damaged"


async def test_the_state_of_a_snapshot_is_where_the_replay_begins() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=2, data=["of the snapshot"]))
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=["unused"])
        assert await ask(ref, "d") == ["of the snapshot", "c", "d"]
        assert await contents(engine, "k") == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
