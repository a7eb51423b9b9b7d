"""`ctx.persist` and what follows from it: memory never silently disagrees with the journal."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nact import (
    ActorStoppedError,
    Decision,
    EngineClosedError,
    EngineUnavailableError,
    HandlerCancelledError,
    InvalidEventError,
    PersistentContext,
    PersistUsageError,
    SequenceConflictError,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
    stop,
)
from nact.persistence import PersistedEvent

from .doubles import GET, PATIENCE, JournalOnly, Judge, RiggedEngine, ask, collect, contents, stored, write

pytestmark = pytest.mark.anyio

GO_ON = [Decision.RESUME, Decision.STOP_ALL_CHILDREN, Decision.RESET_ALL_CHILDREN, Decision.RESET]


async def forgive(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
    """Like `collect`, but answers with the error when it can't persist, and claims to have done it."""
    try:
        return await collect(state, msg, ctx)
    except Exception as error:  # noqa: BLE001
        dispatch(ctx.sender, error)
        return [*state, msg]


# --- what is stored ------------------------------------------------------------------------------------------------


async def test_persist_returns_the_event_as_it_is_stored() -> None:
    async def handler(state: None, msg: str, ctx: PersistentContext[str]) -> None:
        if not ctx.recovering:
            dispatch(ctx.sender, await ctx.persist(msg, tags=["b", "a", "b"]))

    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        event = await ask(spawn_persistent(system, handler, "a key"), "hello")
        assert await stored(engine, "a key") == [event]
    assert (event.key, event.sequence_number, event.data, event.tags) == ("a key", 1, "hello", ("a", "b"))


async def test_an_encoder_makes_what_is_stored() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=[], encoder=lambda msg: {"is": msg})
        assert await ask(ref, "a") == ["a"]
        assert await contents(engine, "k") == [(1, {"is": "a"})]


async def test_one_message_may_persist_any_number_of_events() -> None:
    async def handler(state: int, msg: int, ctx: PersistentContext[int]) -> int:
        if ctx.recovering:
            return state + msg
        for number in range(msg):
            await ctx.persist(number)
        dispatch(ctx.sender, "done")
        return state

    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        assert await ask(spawn_persistent(system, handler, "k", initial_state=0), 250) == "done"
        assert await contents(engine, "k") == [(number + 1, number) for number in range(250)]


async def test_persists_made_at_the_same_time_are_stored_in_the_order_of_the_calls() -> None:
    async def handler(state: None, msg: int, ctx: PersistentContext[int]) -> None:
        writes = [asyncio.ensure_future(ctx.persist(number)) for number in range(msg)]
        await engine.before_write.arrival()
        await asyncio.sleep(0)
        assert engine.before_write.passing == 1, "one at a time"
        engine.before_write.open()
        dispatch(ctx.sender, [(event.sequence_number, event.data) for event in await asyncio.gather(*writes)])

    engine = RiggedEngine()
    engine.before_write.shut()
    async with start(configure_persistence(engine)) as system:
        answer = await ask(spawn_persistent(system, handler, "k"), 10)
        assert answer == await contents(engine, "k") == [(number + 1, number) for number in range(10)]


async def test_a_write_in_progress_when_the_system_ends_is_finished() -> None:
    engine = RiggedEngine()
    engine.before_write.shut()
    async with start(configure_persistence(engine, close=False)) as system:
        dispatch(spawn_persistent(system, collect, "k", initial_state=[]), "a")
        await engine.before_write.arrival()
        stop(system)
        engine.before_write.open()
    assert await contents(engine, "k") == [(1, "a")]


# --- persist_all -----------------------------------------------------------------------------------------------------


async def all_at_once(state: list[Any], msgs: Any, ctx: PersistentContext[Any]) -> list[Any]:
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
        ref = spawn_persistent(system, all_at_once, "k", initial_state=[])
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
        ref = spawn_persistent(system, all_at_once, "k", initial_state=[])
        assert isinstance(await ask(ref, ["a", {1: 2}]), InvalidEventError)
        assert await ask(ref, ["b"]) == ["b"]
        assert await contents(engine, "k") == [(1, "b")]


async def test_persist_all_of_nothing_stores_nothing() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, all_at_once, "k", initial_state=[])
        assert await ask(ref, []) == []
        assert await stored(engine, "k") == []


@pytest.mark.parametrize("msgs", ["text", b"bytes", 5, {"a": 1}, {1, 2}], ids=repr)
async def test_persist_all_takes_a_sequence(msgs: Any) -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, all_at_once, "k", initial_state=[])
        error = await ask(ref, msgs)
        assert isinstance(error, PersistUsageError)
        assert repr(msgs) in str(error)
        assert await ask(ref, ["a"]) == ["a"]


async def test_persist_all_is_refused_where_the_engine_has_no_atomic_batches() -> None:
    engine = JournalOnly()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, all_at_once, "k", initial_state=[])
        error = await ask(ref, ["a", "b"])
        assert isinstance(error, PersistUsageError)
        assert "atomically" in str(error)
        assert await stored(engine.inner, "k") == []


async def test_persist_all_with_an_unknown_outcome_has_the_actor_recover() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, all_at_once, "k", initial_state=[], on_crash=Judge(Decision.RESUME))
        engine.fail_write(EngineUnavailableError("cut", outcome_known=False), stored=True)
        assert isinstance(await ask(ref, ["a", "b"]), EngineUnavailableError)
        assert await ask(ref) == ["a", "b"]


# --- a known refusal -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [
        InvalidEventError("not this one"),
        EngineUnavailableError("no connection", outcome_known=True),
        EngineClosedError("closed"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_after_a_known_refusal_the_actor_keeps_its_state_and_goes_on(refusal: Exception) -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        try:
            return await collect(state, msg, ctx)
        except type(refusal) as error:
            dispatch(ctx.sender, error)
            return state

    engine, judge = RiggedEngine(), Judge(Decision.STOP)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[], on_crash=judge)
        await ask(ref, "a")
        engine.fail_write(refusal)
        assert await ask(ref, "b") is refusal
        assert await ask(ref, "c") == ["a", "c"]
        assert await contents(engine, "k") == [(1, "a"), (2, "c")]
    assert judge.faults.empty()


async def test_data_that_isnt_json_is_refused_with_its_path_and_the_actor_keeps_its_state() -> None:
    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=[], on_crash=judge)
        await ask(ref, "a")
        dispatch(ref, {"contacts": [{}, {"birthday": 1j}]})
        _, error = await judge.fault()
        assert isinstance(error, InvalidEventError)
        assert "contacts[1].birthday: complex" in str(error)
        assert await ask(ref, "b") == ["a", "b"]
        assert await contents(engine, "k") == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("tags", ["text", [""], [1], None, ["\ud800"]], ids=repr)
async def test_tags_that_cant_be_are_refused_and_nothing_is_stored(tags: Any) -> None:
    async def handler(state: str, msg: str, ctx: PersistentContext[str]) -> str:
        if msg == GET:
            dispatch(ctx.sender, state)
            return state
        await ctx.persist(msg, tags)
        return msg

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state="first", on_crash=judge)
        dispatch(ref, "second")
        assert isinstance((await judge.fault())[1], InvalidEventError)
        assert await ask(ref) == "first"
        assert await stored(engine, "k") == []


async def test_an_encoder_that_raises_stores_nothing_and_the_actor_keeps_its_state() -> None:
    def encode(msg: Any) -> Any:
        return [msg["a"]]

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=[], encoder=encode, on_crash=judge)
        dispatch(ref, {})
        assert isinstance((await judge.fault())[1], KeyError)
        assert await ask(ref, {"a": 1}) == [{"a": 1}]
        assert await contents(engine, "k") == [(1, [1])]


# --- an unknown outcome ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", GO_ON)
@pytest.mark.parametrize("handler", [collect, forgive])
@pytest.mark.parametrize("was_stored", [False, True])
@pytest.mark.parametrize(
    "error",
    [EngineUnavailableError("cut", outcome_known=False), OSError("broken pipe")],
    ids=["unavailable", "foreign"],
)
async def test_after_an_unknown_outcome_the_state_is_what_the_journal_tells_whatever_is_decided(
    decision: Decision,
    handler: Callable[[list[Any], Any, PersistentContext[Any]], Awaitable[list[Any]]],
    was_stored: bool,
    error: Exception,
) -> None:
    engine, judge = RiggedEngine(), Judge(decision)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[], on_crash=judge)
        await ask(ref, "a")
        engine.fail_write(error, stored=was_stored)
        dispatch(ref, "b")
        assert await judge.fault() == ("b", error)
        expected = ["a", "b", "c"] if was_stored else ["a", "c"]
        assert await ask(ref, "c") == expected
        assert await contents(engine, "k") == list(enumerate(expected, 1))


async def test_after_an_unknown_outcome_the_message_can_persist_nothing_more() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if ctx.recovering or msg == GET:
            return await collect(state, msg, ctx)
        with pytest.raises(OSError, match="cut"):
            await ctx.persist(msg)
        with pytest.raises(PersistUsageError, match="isn't tried") as caught:
            await ctx.persist(msg)
        dispatch(ctx.sender, caught.value.__cause__)
        return [*state, msg, msg]

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[], on_crash=judge)
        cut = OSError("cut")
        engine.fail_write(cut)
        assert await ask(ref, "a") is cut
        assert await ask(ref) == []
        assert await stored(engine, "k") == []


async def test_a_persist_that_waited_for_one_with_an_unknown_outcome_isnt_tried() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if ctx.recovering or msg == GET:
            return await collect(state, msg, ctx)
        writes = [asyncio.ensure_future(ctx.persist(number)) for number in (1, 2, 3)]
        await engine.before_write.arrival()
        await asyncio.sleep(0)
        engine.before_write.open()
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        dispatch(ctx.sender, [type(outcome) for outcome in outcomes])
        return state

    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[], on_crash=Judge(Decision.RESUME))
        engine.fail_write(OSError("cut"))
        engine.before_write.shut()
        assert await ask(ref, "go") == [OSError, PersistUsageError, PersistUsageError]
        assert await ask(ref) == []


@pytest.mark.clockwork
@pytest.mark.parametrize("gate", ["before_write", "before_acknowledgement"])
async def test_an_actor_whose_persist_was_cancelled_recovers_again(gate: str) -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if msg != "hurry":
            return await collect(state, msg, ctx)
        if not ctx.recovering:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await ctx.persist(msg)
        return [*state, msg]

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[], on_crash=judge)
        await ask(ref, "a")
        getattr(engine, gate).shut()
        dispatch(ref, "hurry")
        msg, error = await judge.fault()
        getattr(engine, gate).open()
        assert msg == "hurry"
        assert isinstance(error, HandlerCancelledError)
        expected = ["a", "b"] if gate == "before_write" else ["a", "hurry", "b"]
        assert await ask(ref, "b") == expected
        assert await contents(engine, "k") == list(enumerate(expected, 1))


async def test_a_persist_that_is_cancelled_while_it_waits_for_another_is_known_not_to_be_stored() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if ctx.recovering or msg == GET:
            return await collect(state, msg, ctx)
        first = asyncio.ensure_future(ctx.persist("first"))
        await engine.before_write.arrival()
        second = asyncio.ensure_future(ctx.persist("second"))
        await asyncio.sleep(0)
        second.cancel()
        engine.before_write.open()
        await asyncio.wait([first, second])
        assert second.cancelled()
        dispatch(ctx.sender, "done")
        return ["first"]

    engine, judge = RiggedEngine(), Judge(Decision.STOP)
    engine.before_write.shut()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[], on_crash=judge)
        assert await ask(ref, "go") == "done"
        assert await ask(ref) == ["first"]
        assert await contents(engine, "k") == [(1, "first")]
    assert judge.faults.empty()


@pytest.mark.parametrize("decision", GO_ON)
@pytest.mark.parametrize("handler", [collect, forgive])
async def test_an_actor_whose_key_another_writer_owns_stops_whatever_is_decided(
    decision: Decision, handler: Callable[[list[Any], Any, PersistentContext[Any]], Awaitable[list[Any]]]
) -> None:
    ended: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    engine, judge = RiggedEngine(), Judge(decision)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(
            system, handler, "k", initial_state=[], on_crash=judge, after_stop=lambda state, _: ended.set_result(state)
        )
        await ask(ref, "a")
        await write(engine, "k", "from elsewhere", after=1)
        dispatch(ref, "b")
        _, error = await judge.fault()
        assert isinstance(error, SequenceConflictError)
        assert (error.key, error.attempted, error.highest) == ("k", 2, 2)
        assert await asyncio.wait_for(ended, PATIENCE) == ["a"]
        assert ref.is_stopped
        assert await contents(engine, "k") == [(1, "a"), (2, "from elsewhere")]


async def test_an_actor_that_lost_its_key_can_be_spawned_again_and_knows_what_the_other_wrote() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=[])
        await ask(ref, "a")
        await write(engine, "k", "from elsewhere", after=1)
        with pytest.raises(ActorStoppedError):
            await ask(ref, "b")
        again = spawn_persistent(system, collect, "k", initial_state=[])
        assert await ask(again, "c") == ["a", "from elsewhere", "c"]


# --- a handler that fails after it has persisted ---------------------------------------------------------------------


@pytest.mark.parametrize("decision", GO_ON)
async def test_an_event_of_a_message_that_failed_later_on_is_in_the_state_all_the_same(decision: Decision) -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if msg == "fail" and not ctx.recovering:
            await ctx.persist(msg)
            raise OSError("the mail server is down")
        return await collect(state, msg, ctx)

    engine, judge = RiggedEngine(), Judge(decision)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[], on_crash=judge, snapshot_every=3)
        await ask(ref, "a")
        dispatch(ref, "fail")
        assert isinstance((await judge.fault())[1], OSError)
        assert await ask(ref, "b") == ["a", "fail", "b"]
        assert await contents(engine, "k") == [(1, "a"), (2, "fail"), (3, "b")]
        snapshot = await engine.latest_snapshot("k")
        assert snapshot is not None
        assert snapshot.data == ["a", "fail", "b"]


async def test_a_write_that_is_done_only_after_the_handler_failed_is_in_the_state_all_the_same() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if msg == "fail" and not ctx.recovering:
            writes.append(asyncio.ensure_future(ctx.persist(msg)))
            await engine.before_write.arrival()
            raise ValueError
        return await collect(state, msg, ctx)

    async def patient(*args: Any) -> Decision:
        engine.before_write.open()
        await writes[0]
        return Decision.RESUME

    writes: list[asyncio.Future[PersistedEvent]] = []
    engine = RiggedEngine()
    engine.before_write.shut()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[], on_crash=patient)
        dispatch(ref, "fail")
        assert await ask(ref) == ["fail"]


async def test_a_fault_before_anything_was_persisted_just_resumes() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if msg == "fail":
            raise ValueError
        return await collect(state, msg, ctx)

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[], on_crash=judge)
        await ask(ref)
        await write(engine, "k", "unseen")
        dispatch(ref, "fail")
        await judge.fault()
        assert await ask(ref) == [], "it didn't read its journal again"


# --- persist in the wrong place --------------------------------------------------------------------------------------


async def unawaited(ctx: PersistentContext[Any], msg: Any) -> None:
    ctx.persist(msg)  # type: ignore[unused-coroutine]


async def task_before_it_begins(ctx: PersistentContext[Any], msg: Any) -> None:
    asyncio.ensure_future(ctx.persist(msg)).add_done_callback(lambda done: done.exception())


async def task_in_progress(ctx: PersistentContext[Any], msg: Any) -> None:
    asyncio.ensure_future(ctx.persist(msg)).add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.sleep(0)


@pytest.mark.parametrize("careless", [unawaited, task_before_it_begins])
async def test_a_persist_that_wasnt_awaited_faults_the_actor_and_stores_nothing(
    careless: Callable[[PersistentContext[Any], Any], Awaitable[None]],
) -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if msg != "careless":
            return await collect(state, msg, ctx)
        await careless(ctx, msg)
        return [*state, msg]

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[], on_crash=judge)
        await ask(ref, "a")
        dispatch(ref, "careless")
        msg, error = await judge.fault()
        assert msg == "careless"
        assert isinstance(error, PersistUsageError)
        assert "await it" in str(error)
        assert await ask(ref, "b") == ["a", "b"]
        assert await contents(engine, "k") == [(1, "a"), (2, "b")]


async def test_a_persist_still_in_progress_when_the_handler_returns_faults_the_actor_and_recovery_waits_for_it() -> (
    None
):
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if msg != "careless" or ctx.recovering:
            return await collect(state, msg, ctx)
        await task_in_progress(ctx, msg)
        return state

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    engine.before_write.shut()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[], on_crash=judge)
        dispatch(ref, "careless")
        assert isinstance((await judge.fault())[1], PersistUsageError)
        engine.before_write.open()
        assert await ask(ref, "b") == ["careless", "b"]
        assert await contents(engine, "k") == [(1, "careless"), (2, "b")]


async def test_a_sync_handler_that_persists_faults_the_actor() -> None:
    def handler(state: Any, msg: Any, ctx: PersistentContext[Any]) -> Any:
        ctx.persist(msg)  # type: ignore[unused-coroutine]
        return msg

    engine, judge = RiggedEngine(), Judge(Decision.STOP)
    async with start(configure_persistence(engine)) as system:
        spawn_persistent(system, handler, "k", on_crash=judge)
        dispatch(system.children["anonymous-1"], "a")
        assert isinstance((await judge.fault())[1], PersistUsageError)
        assert await stored(engine, "k") == []


async def test_a_persist_that_wasnt_awaited_by_a_handler_that_raises_stores_nothing_even_when_it_is_stopping() -> None:
    async def handler(state: Any, msg: Any, ctx: PersistentContext[Any]) -> Any:
        ctx.persist(msg)  # type: ignore[unused-coroutine]
        stop(ctx.self)
        raise ValueError

    engine = RiggedEngine()
    async with start(configure_persistence(engine, close=False)) as system:
        dispatch(spawn_persistent(system, handler, "k"), "a")
    assert await stored(engine, "k") == []


@pytest.mark.parametrize("method", ["persist", "persist_all"])
async def test_persist_while_recovering_raises(method: str) -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if msg != GET and ctx.recovering:
            with pytest.raises(PersistUsageError, match=r"is recovering.*ctx.recovering"):
                getattr(ctx, method)([msg])
            return [*state, msg]
        return await collect(state, msg, ctx)

    engine = RiggedEngine()
    await write(engine, "k", "a", "b")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[])
        assert await ask(ref, "c") == ["a", "b", "c"]
        assert await contents(engine, "k") == [(1, "a"), (2, "b"), (3, "c")]


async def test_persist_in_initial_state_func_raises_when_the_actor_starts_and_when_it_is_reset() -> None:
    async def initial_state(ctx: PersistentContext[Any]) -> list[Any]:
        assert ctx.recovering
        with pytest.raises(PersistUsageError, match="is recovering"):
            await ctx.persist("from the initial state")
        refused.append(ctx.path)
        return []

    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        if msg == "fail":
            raise ValueError
        return await collect(state, msg, ctx)

    refused: list[str] = []
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state_func=initial_state, on_crash=Judge(Decision.RESET))
        await ask(ref, "a")
        dispatch(ref, "fail")
        assert await ask(ref, "b") == ["a", "b"]
        assert len(refused) == 2


@pytest.mark.parametrize("method", ["persist", "persist_all"])
async def test_persist_after_the_message_was_handled_raises(method: str) -> None:
    async def handler(state: None, msg: str, ctx: PersistentContext[str]) -> None:
        dispatch(ctx.sender, ctx)

    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k")
        kept = await ask(ref)
        await asyncio.sleep(0)
        with pytest.raises(PersistUsageError, match="has handled its message"):
            getattr(kept, method)(["too late"])
        assert await stored(engine, "k") == []
