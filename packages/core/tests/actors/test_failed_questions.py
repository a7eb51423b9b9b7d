"""An asker of an actor that fails gets an error at once, with its cause."""

import asyncio
import gc
import weakref
from typing import Any

import pytest

from nact import (
    ActorRef,
    ActorStoppedError,
    Context,
    CrashContext,
    Decision,
    HandlerCancelledError,
    HandlerFailedError,
    NactError,
    configure_logging,
    dispatch,
    log_to_nothing,
    query,
    spawn,
    spawn_stateless,
    start,
    stop,
)

from .handlers import cancelled_wait, echo, fail, now, silent

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


async def failure(question: asyncio.Future[Any]) -> Exception:
    """What the question failed with. That took no time."""
    asked = now()
    with pytest.raises(NactError) as caught:
        await question
    assert now() == asked
    return caught.value


async def fail_later(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    await asyncio.sleep(0)
    raise ValueError(msg)


def deciding(decision: Decision) -> Any:
    return lambda *args: decision


@pytest.mark.parametrize("handler", [fail, fail_later])
async def test_the_failure_that_stops_an_actor_is_the_cause(handler: Any) -> None:
    async with start(name="shop") as system:
        error = await failure(query(spawn(system, handler, "till"), "no change", 3600))
        assert isinstance(error, ActorStoppedError)
        assert str(error) == "shop://till stopped before it answered, after a failure (ValueError)"
        assert repr(error.__cause__) == "ValueError('no change')"


async def test_each_asker_gets_an_error_of_its_own() -> None:
    async with start() as system:
        ref = spawn(system, fail)
        questions = [query(ref, number, 3600) for number in range(3)]
        errors = [await failure(question) for question in questions]
        assert len(set(map(id, errors))) == 3
        assert {repr(error.__cause__) for error in errors} == {"ValueError(0)"}


async def test_an_actor_that_was_told_to_stop_has_no_failure() -> None:
    async with start() as system:
        ref = spawn(system, silent)
        question = query(ref, "hello?", 3600)
        stop(ref)
        assert (await failure(question)).__cause__ is None
        assert (await failure(query(ref, "hello?", 3600))).__cause__ is None


async def test_who_asks_later_learns_the_failure_as_well() -> None:
    async with start(name="shop") as system:
        ref = spawn(system, fail, "till")
        await failure(query(ref, "no change", 3600))
        error = await failure(query(ref, "and now?", 3600))
        assert str(error) == "shop://till has stopped after a failure (ValueError): it can't answer"
        assert repr(error.__cause__) == "ValueError('no change')"
        with pytest.raises(ActorStoppedError, match="it can't have children") as caught:
            spawn(ref, silent)
        assert repr(caught.value.__cause__) == "ValueError('no change')"


async def test_a_failed_actor_is_not_kept_by_its_failure() -> None:
    class State:
        pass

    async with start(configure_logging(log_to_nothing)) as system:  # pytest would keep what is logged
        state = State()
        gone = weakref.ref(state)
        ref = spawn(system, fail, initial_state=state)
        del state
        await failure(query(ref, "fail", 3600))
        await query(spawn(system, echo), "let the loop forget it", 10)
        gc.collect()
        assert gone() is None
        error = await failure(query(ref, "and now?", 3600))
        assert error.__cause__ is not None
        assert error.__cause__.__traceback__ is None


class StubbornError(ValueError):
    def __init__(self, what: str, *, why: str) -> None:
        super().__init__(what)


@pytest.mark.parametrize("raised", [StubbornError("no", why="so"), ExceptionGroup("both", [ValueError("a")])], ids=repr)
async def test_a_failure_that_cannot_be_copied_is_told_in_words(raised: Exception) -> None:
    def refuse(state: Any, msg: Any, ctx: Context[Any]) -> Any:
        raise raised

    async with start() as system:
        ref = spawn(system, refuse)
        assert (await failure(query(ref, "?", 3600))).__cause__ is raised
        later = await failure(query(ref, "?", 3600))
        assert str(later.__cause__) == repr(raised)


async def test_a_failed_initial_state_is_the_cause() -> None:
    def make(ctx: Context[Any]) -> Any:
        raise ValueError("no state today")

    async with start() as system:
        for policy in (None, deciding(Decision.RESUME)):
            ref = spawn(system, silent, initial_state_func=make, on_crash=policy)
            error = await failure(query(ref, "?", 3600))
            assert repr(error.__cause__) == "ValueError('no state today')"


async def test_a_policy_that_fails_leaves_the_fault_as_the_cause() -> None:
    def no_idea(*args: Any) -> Any:
        raise RuntimeError("no idea")

    async with start() as system:
        error = await failure(query(spawn(system, fail, on_crash=no_idea), "fault", 3600))
        assert repr(error.__cause__) == "ValueError('fault')"


@pytest.mark.parametrize("decision", [Decision.STOP, Decision.STOP_ALL, Decision.STOP_CHILD, Decision.RESET], ids=str)
async def test_a_fault_that_was_escalated_is_the_cause(decision: Decision) -> None:
    async with start() as system:
        parent = spawn(system, echo, on_crash=deciding(decision))
        ref = spawn(parent, fail, on_crash=deciding(Decision.ESCALATE))
        error = await failure(query(ref, "fault", 3600))
        assert isinstance(error, ActorStoppedError)
        assert repr(error.__cause__) == "ValueError('fault')"


async def test_who_asked_a_sibling_or_a_child_learns_the_failure_too() -> None:
    async with start() as system:
        family = spawn(system, silent)
        ref = spawn(family, fail, on_crash=deciding(Decision.STOP_ALL))
        questions = [query(spawn(parent, silent), "?", 3600) for parent in (family, ref)]
        dispatch(ref, "fault")
        for question in questions:
            assert repr((await failure(question)).__cause__) == "ValueError('fault')"


# --- the actor goes on ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", [Decision.RESUME, Decision.RESET], ids=str)
@pytest.mark.parametrize("handler", [fail, fail_later])
async def test_the_asker_learns_of_a_fault_that_does_not_stop(handler: Any, decision: Decision) -> None:
    async with start(name="shop") as system:
        ref = spawn(system, handler, "till", on_crash=deciding(decision))
        error = await failure(query(ref, "no change", 3600))
        assert isinstance(error, HandlerFailedError)
        assert str(error) == "shop://till failed while it handled the question (ValueError)"
        assert repr(error.__cause__) == "ValueError('no change')"
        assert not ref.is_stopped


@pytest.mark.parametrize("handler", [fail, fail_later])
async def test_the_fault_of_a_stateless_actor_reaches_its_asker_alone(handler: Any) -> None:
    release = asyncio.Event()

    async def serve(msg: str, ctx: Context[str]) -> None:
        if msg == "fail":
            outcome = handler(None, msg, ctx)
            await outcome
        await release.wait()
        dispatch(ctx.sender, msg)

    async with start() as system:
        ref = spawn_stateless(system, serve)
        other, failed = query(ref, "wait", 3600), query(ref, "fail", 3600)
        error = await failure(failed)
        assert isinstance(error, HandlerFailedError)
        assert repr(error.__cause__) == "ValueError('fail')"
        release.set()
        assert await other == "wait"


async def test_a_cancelled_wait_reaches_the_asker_as_well() -> None:
    async def wait(msg: Any, ctx: Context[Any]) -> None:
        await cancelled_wait()

    async with start() as system:
        error = await failure(query(spawn_stateless(system, wait), "?", 3600))
        assert isinstance(error.__cause__, HandlerCancelledError)


async def test_an_asker_that_was_answered_is_unaffected() -> None:
    async def answer_and_fail(msg: Any, ctx: Context[Any]) -> None:
        dispatch(ctx.sender, "yes")
        raise ValueError

    async with start() as system:
        assert await query(spawn_stateless(system, answer_and_fail), "?", 10) == "yes"
        assert system.dead_letters == 0


async def test_a_policy_may_answer_before_the_error_does() -> None:
    def explain(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        dispatch(ctx.sender, f"sorry: {error}")
        return Decision.RESUME

    async with start() as system:
        ref: ActorRef[Any] = spawn(system, fail, on_crash=explain)
        assert await query(ref, "no change", 10) == "sorry: no change"
