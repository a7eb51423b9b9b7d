"""After an unknown outcome, a conflict, or a fault after a persist, the state follows from the journal."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from nact import (
    ActorStoppedError,
    Decision,
    EngineUnavailableError,
    HandlerCancelledError,
    OutcomeUnknownError,
    PersistentContext,
    PersistUsageError,
    SequenceConflictError,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
)
from nact.persistence import PersistedEvent

from .doubles import GET, PATIENCE, Judge, RiggedEngine, ask, collect, contents, stored, write

pytestmark = pytest.mark.anyio

GO_ON = [Decision.RESUME, Decision.STOP_ALL_CHILDREN, Decision.RESET_ALL_CHILDREN, Decision.RESET]


async def forgive(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
    """Like `collect`, but answers with the error when it can't persist, and claims to have done it."""
    try:
        return await collect(state, msg, ctx)
    except Exception as error:  # noqa: BLE001
        dispatch(ctx.sender, error)
        return [*state, msg]


# --- an unknown outcome ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", GO_ON)
@pytest.mark.parametrize("handler", [collect, forgive])
@pytest.mark.parametrize("was_stored", [False, True])
@pytest.mark.parametrize(
    "error",
    [OutcomeUnknownError("cut"), OSError("broken pipe")],
    ids=["unavailable", "foreign"],
)
async def test_after_an_unknown_outcome_the_state_is_what_the_journal_tells_whatever_is_decided(
    decision: Decision,
    handler: Callable[[list[Any], Any, PersistentContext[Any, Any]], Awaitable[list[Any]]],
    was_stored: bool,
    error: Exception,
) -> None:
    engine, judge = RiggedEngine(), Judge(decision)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=judge)
        await ask(ref, "a")
        engine.fail_write(error, stored=was_stored)
        dispatch(ref, "b")
        assert await judge.fault() == ("b", error)
        expected = ["a", "b", "c"] if was_stored else ["a", "c"]
        assert await ask(ref, "c") == expected
        assert await contents(engine, "k") == list(enumerate(expected, 1))


async def test_after_an_unknown_outcome_the_message_can_persist_nothing_more() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
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
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=judge)
        cut = OSError("cut")
        engine.fail_write(cut)
        assert await ask(ref, "a") is cut
        assert await ask(ref) == []
        assert await stored(engine, "k") == []


async def test_a_persist_that_waited_for_one_with_an_unknown_outcome_isnt_tried() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
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
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=Judge(Decision.RESUME))
        engine.fail_write(OSError("cut"))
        engine.before_write.shut()
        assert await ask(ref, "go") == [OSError, PersistUsageError, PersistUsageError]
        assert await ask(ref) == []


@pytest.mark.clockwork
@pytest.mark.parametrize("gate", ["before_write", "before_acknowledgement"])
async def test_an_actor_whose_persist_was_cancelled_recovers_again(gate: str) -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if msg != "hurry":
            return await collect(state, msg, ctx)
        if not ctx.recovering:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await ctx.persist(msg)
        return [*state, msg]

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=judge)
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
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
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
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=judge)
        assert await ask(ref, "go") == "done"
        assert await ask(ref) == ["first"]
        assert await contents(engine, "k") == [(1, "first")]
    assert judge.faults.empty()


@pytest.mark.parametrize("decision", GO_ON)
@pytest.mark.parametrize("handler", [collect, forgive])
async def test_an_actor_whose_key_another_writer_owns_stops_whatever_is_decided(
    decision: Decision, handler: Callable[[list[Any], Any, PersistentContext[Any, Any]], Awaitable[list[Any]]]
) -> None:
    ended: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    engine, judge = RiggedEngine(), Judge(decision)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(
            system,
            handler,
            key="k",
            initial_state=[],
            on_crash=judge,
            after_stop=lambda state, _: ended.set_result(state),
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
        ref = spawn_persistent(system, collect, key="k", initial_state=[])
        await ask(ref, "a")
        await write(engine, "k", "from elsewhere", after=1)
        with pytest.raises(ActorStoppedError):
            await ask(ref, "b")
        again = spawn_persistent(system, collect, key="k", initial_state=[])
        assert await ask(again, "c") == ["a", "from elsewhere", "c"]


# --- a handler that fails after it has persisted ---------------------------------------------------------------------


@pytest.mark.parametrize("decision", GO_ON)
async def test_an_event_of_a_message_that_failed_later_on_is_in_the_state_all_the_same(decision: Decision) -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if msg == "fail" and not ctx.recovering:
            await ctx.persist(msg)
            raise OSError("the mail server is down")
        return await collect(state, msg, ctx)

    engine, judge = RiggedEngine(), Judge(decision)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=judge, snapshot_every=3)
        await ask(ref, "a")
        dispatch(ref, "fail")
        assert isinstance((await judge.fault())[1], OSError)
        assert await ask(ref, "b") == ["a", "fail", "b"]
        assert await contents(engine, "k") == [(1, "a"), (2, "fail"), (3, "b")]
        snapshot = await engine.latest_snapshot("k")
        assert snapshot is not None
        assert snapshot.data == ["a", "fail", "b"]


async def test_a_write_that_is_done_only_after_the_handler_failed_is_in_the_state_all_the_same() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
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
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=patient)
        dispatch(ref, "fail")
        assert await ask(ref) == ["fail"]


async def test_a_fault_before_anything_was_persisted_just_resumes() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if msg == "fail":
            raise ValueError
        return await collect(state, msg, ctx)

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=judge)
        await ask(ref)
        await write(engine, "k", "unseen")
        dispatch(ref, "fail")
        await judge.fault()
        assert await ask(ref) == [], "it didn't read its journal again"


# --- writes that arrive late -----------------------------------------------------------------------------------------


class Late(RiggedEngine):
    """Its next write is given up, and arrives only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.given_up: list[list[PersistedEvent]] | None = None

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        if self.given_up == []:
            self.given_up.append(list(events))
            raise OutcomeUnknownError("no answer")
        await super().persist_all(events)

    async def arrive(self) -> None:
        assert self.given_up
        await super().persist_all(self.given_up.pop())
        self.given_up = None


async def test_an_actor_that_meets_its_own_late_write_recovers() -> None:
    engine, judge = Late(), Judge(Decision.RESET)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=judge)
        assert await ask(ref, "a") == ["a"]
        engine.given_up = []
        dispatch(ref, "b")
        assert isinstance((await judge.fault())[1], EngineUnavailableError)
        assert await ask(ref) == ["a"], "it read its journal, and that was silent about it"
        await engine.arrive()
        dispatch(ref, "c")
        assert isinstance((await judge.fault())[1], SequenceConflictError)
        assert await ask(ref) == ["a", "b"]
        assert await ask(ref, "d") == ["a", "b", "d"]


async def test_another_writer_still_stops_an_actor_in_doubt() -> None:
    engine, judge = Late(), Judge(Decision.RESET)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=judge)
        engine.given_up = []
        dispatch(ref, "a")
        await judge.fault()
        assert await ask(ref) == []
        await write(RiggedEngine(engine._storage), "k", "another writer's")
        engine.given_up = None
        with pytest.raises(ActorStoppedError):
            await ask(ref, "b")
