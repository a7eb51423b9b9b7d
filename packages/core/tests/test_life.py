"""How an actor starts, with a state that has to be made, and how it ends, with `after_stop`."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nact import (
    ActorRef,
    ActorStoppedError,
    Context,
    CrashContext,
    Decision,
    HandlerCancelledError,
    LogException,
    LogRecord,
    SystemFailedError,
    configure_logging,
    dispatch,
    query,
    spawn,
    start,
    stop,
)

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def tell(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    dispatch(ctx.sender, state)
    return state


def deciding(decision: Decision) -> Callable[..., Decision]:
    return lambda *args: decision


async def cancelled_wait() -> Any:
    """Awaits something that somebody else has cancelled."""
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    return await future


# --- the initial state -------------------------------------------------------------------------------------------


async def test_an_initial_state_can_be_made_from_the_context() -> None:
    async with start(name="shop") as system:
        ref = spawn(system, tell, "till", initial_state_func=lambda ctx: f"state of {ctx.path}")
        assert await query(ref, "?", 10) == "state of shop://till"


async def test_messages_wait_for_a_state_that_takes_long_to_make() -> None:
    async def make(ctx: Context[str]) -> list[str]:
        await asyncio.sleep(3600)
        return []

    def collect(state: list[str], msg: str, ctx: Context[str]) -> list[str]:
        dispatch(ctx.sender, [*state, msg])
        return [*state, msg]

    async with start() as system:
        ref = spawn(system, collect, initial_state_func=make)
        dispatch(ref, "a")
        dispatch(ref, "b")
        assert await query(ref, "c", 7200) == ["a", "b", "c"]


async def test_others_do_not_wait_for_it() -> None:
    made = asyncio.Event()

    async def make(ctx: Context[Any]) -> str:
        await made.wait()
        return "made"

    async with start() as system:
        slow = spawn(system, tell, initial_state_func=make)
        assert await query(spawn(system, tell, initial_state="given"), "?", 10) == "given"
        made.set()
        assert await query(slow, "?", 10) == "made"


async def test_failing_to_make_the_state_is_a_fault_without_a_message() -> None:
    faults: asyncio.Queue[tuple[Any, Exception, ActorRef[Any]]] = asyncio.Queue()

    def make(ctx: Context[Any]) -> Any:
        raise ValueError("no state today")

    def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        faults.put_nowait((msg, error, ctx.self))
        return ctx.stop

    async with start() as system:
        ref = spawn(system, tell, initial_state_func=make, on_crash=judge)
        with pytest.raises(ActorStoppedError):
            await query(ref, "?", 10)
        msg, error, actor = faults.get_nowait()
        assert (msg, str(error), actor) == (None, "no state today", ref)


@pytest.mark.parametrize(
    "decision", [Decision.RESUME, Decision.STOP_ALL_CHILDREN, Decision.RESET_ALL_CHILDREN], ids=lambda d: d.value
)
async def test_an_actor_that_has_no_state_cannot_go_on(decision: Decision, records: list[LogRecord]) -> None:
    def make(ctx: Context[Any]) -> Any:
        raise ValueError("no state today")

    async with start(configure_logging(records.append)) as system:
        ref = spawn(system, tell, initial_state_func=make, on_crash=deciding(decision))
        with pytest.raises(ActorStoppedError):
            await query(ref, "?", 10)
    (record,) = records
    assert isinstance(record, LogException)
    assert record.text == "stops: it has no state to go on with: ValueError('no state today')"


async def test_an_actor_that_resumes_after_a_failed_reset_keeps_its_old_state() -> None:
    made = 0

    def make(ctx: Context[Any]) -> str:
        nonlocal made
        made += 1
        if made > 1:
            raise ValueError("no second state")
        return "first"

    def fail(state: str, msg: Any, ctx: Context[Any]) -> str:
        if msg == "fail":
            raise RuntimeError
        return tell(state, msg, ctx)  # type: ignore[no-any-return]

    def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        return ctx.resume if msg is None else ctx.reset

    async with start() as system:
        ref = spawn(system, fail, initial_state_func=make, on_crash=judge)
        dispatch(ref, "fail")
        assert await query(ref, "?", 10) == "first"
        assert made == 2


async def test_a_cancelled_wait_in_the_making_of_a_state_is_a_fault_like_any_other() -> None:
    attempts: list[float] = []

    async def make(ctx: Context[Any]) -> Any:
        attempts.append(asyncio.get_running_loop().time())
        return "made" if len(attempts) == 3 else await cancelled_wait()

    async with start() as system:
        ref = spawn(system, tell, initial_state_func=make, on_crash=deciding(Decision.RESET))
        assert await query(ref, "?", 10) == "made"
    assert attempts == sorted(set(attempts)), "each after a delay"


async def test_starts_that_fail_again_and_again_wait_longer_each_time_but_never_more_than_half_a_minute() -> None:
    attempts: list[float] = []

    def make(ctx: Context[Any]) -> str:
        attempts.append(asyncio.get_running_loop().time())
        if len(attempts) < 2000:
            raise ValueError("not yet")
        return "made"

    async with start() as system:
        ref = spawn(system, tell, initial_state_func=make, on_crash=deciding(Decision.RESET))
        assert await query(ref, "?", 100_000) == "made"
    delays = [later - earlier for earlier, later in itertools.pairwise(attempts)]
    assert delays[:4] == pytest.approx([0.02, 0.04, 0.08, 0.16])
    assert delays[-1] == pytest.approx(30)
    assert delays == pytest.approx(sorted(delays))


async def test_a_start_that_succeeds_forgives_those_that_failed() -> None:
    attempts: list[float] = []

    def make(ctx: Context[Any]) -> str:
        attempts.append(asyncio.get_running_loop().time())
        if len(attempts) in {1, 3}:
            raise ValueError("not yet")
        return "made"

    def fail(state: str, msg: Any, ctx: Context[Any]) -> str:
        if msg == "fail":
            raise RuntimeError
        return tell(state, msg, ctx)  # type: ignore[no-any-return]

    async with start() as system:
        ref = spawn(system, fail, initial_state_func=make, on_crash=deciding(Decision.RESET))
        dispatch(ref, "fail")
        assert await query(ref, "?", 10) == "made"
    assert attempts == pytest.approx([0.0, 0.02, 0.02, 0.04])


async def test_a_stop_does_not_wait_for_the_next_try(records: list[LogRecord]) -> None:
    tried = asyncio.Event()

    def make(ctx: Context[Any]) -> Any:
        tried.set()
        raise ValueError("never")

    async with start(configure_logging(records.append)) as system:
        loop = asyncio.get_running_loop()
        ref = spawn(system, tell, initial_state_func=make, on_crash=deciding(Decision.RESET))
        await asyncio.sleep(3600)
        tried.clear()
        await tried.wait()
        told = loop.time()
        stop(ref)
    assert loop.time() == told
    assert records == []


# --- after_stop ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_after_stop_gets_the_last_state_and_the_context(kind: str) -> None:
    ended: list[tuple[int, str]] = []

    def after_stop(state: int, ctx: Context[int]) -> None:
        ended.append((state, ctx.path))

    async def after_stop_async(state: int, ctx: Context[int]) -> None:
        await asyncio.sleep(1)
        after_stop(state, ctx)

    def add(state: int, msg: int, ctx: Context[int]) -> int:
        dispatch(ctx.sender, state + msg)
        return state + msg

    async with start(name="shop") as system:
        hook: Callable[[int, Context[int]], Awaitable[None] | None] = after_stop if kind == "sync" else after_stop_async
        ref = spawn(system, add, "till", initial_state=0, after_stop=hook)
        dispatch(ref, 1)
        await query(ref, 2, 10)
    assert ended == [(3, "shop://till")]


async def test_after_stop_runs_once_however_often_the_actor_is_stopped() -> None:
    ended: list[Any] = []

    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        ended.append(state)
        stop(ctx.self)
        await asyncio.sleep(1)

    async with start() as system:
        ref = spawn(system, tell, initial_state="last", after_stop=after_stop)
        stop(ref)
        stop(ref)
    stop(ref)
    assert ended == ["last"]


async def test_after_stop_runs_for_an_actor_that_never_got_a_message() -> None:
    ended: list[str] = []
    async with start() as system:
        spawn(system, tell, initial_state="first", after_stop=lambda state, ctx: ended.append(state))
    assert ended == ["first"]


async def test_after_stop_runs_for_an_actor_that_failed() -> None:
    ended: list[str] = []

    def fail(state: str, msg: Any, ctx: Context[Any]) -> str:
        raise ValueError(msg)

    async with start() as system:
        ref = spawn(system, fail, initial_state="before", after_stop=lambda state, ctx: ended.append(state))
        dispatch(ref, "fail")
        with pytest.raises(ActorStoppedError):
            await query(ref, "?", 10)
    assert ended == ["before"]


async def test_after_stop_is_not_given_a_state_that_never_was() -> None:
    ended: list[str] = []

    def make(ctx: Context[Any]) -> str:
        raise ValueError("no state today")

    async with start() as system:
        failed = spawn(system, tell, initial_state_func=make, after_stop=lambda state, ctx: ended.append(state))
        with pytest.raises(ActorStoppedError):
            await query(failed, "?", 10)
        stopped_at_once = spawn(
            system, tell, initial_state_func=lambda ctx: "made", after_stop=lambda state, ctx: ended.append(state)
        )
        stop(stopped_at_once)
    assert ended == []


async def test_an_actor_stopped_while_its_state_is_made_ends_with_that_state() -> None:
    making = asyncio.Event()
    ended: list[str] = []

    async def make(ctx: Context[Any]) -> str:
        making.set()
        await asyncio.sleep(60)
        return "made"

    async with start() as system:
        spawn(system, tell, initial_state_func=make, after_stop=lambda state, ctx: ended.append(state))
        await making.wait()
    assert ended == ["made"]


async def test_nothing_can_be_spawned_in_after_stop() -> None:
    refused: list[ActorStoppedError] = []

    def after_stop(state: Any, ctx: Context[Any]) -> None:
        try:
            spawn(ctx.self, tell)
        except ActorStoppedError as error:
            refused.append(error)

    async with start() as system:
        spawn(system, tell, after_stop=after_stop)
    assert len(refused) == 1


async def test_other_actors_answer_in_after_stop() -> None:
    answers: list[Any] = []

    async with start() as system:
        other = spawn(system, tell, initial_state="here")

        async def after_stop(state: Any, ctx: Context[Any]) -> None:
            answers.append(await query(other, "?", 10))

        stop(spawn(system, tell, after_stop=after_stop))
        await query(other, "?", 10)
    assert answers == ["here"]


async def test_an_after_stop_that_raises_fails_the_system_and_hinders_nobody() -> None:
    ended: list[str] = []

    def after_stop(state: Any, ctx: Context[Any]) -> None:
        raise ValueError("won't go")

    async def shop() -> None:
        async with start(name="shop") as system:
            parent = spawn(
                system, tell, "floor", initial_state="floor", after_stop=lambda state, ctx: ended.append(state)
            )
            spawn(parent, tell, "till", after_stop=after_stop)

    with pytest.raises(SystemFailedError) as caught:
        await shop()
    ((path, error),) = caught.value.failures
    assert (path, str(error)) == ("shop://floor/till", "won't go")
    assert ended == ["floor"]


async def test_a_cancelled_wait_in_after_stop_is_a_failure_like_any_other() -> None:
    asked: list[Any] = []

    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await cancelled_wait()

    def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        asked.append(error)
        return ctx.resume

    with pytest.raises(SystemFailedError) as caught:
        async with start(name="shop") as system:
            spawn(system, tell, "till", after_stop=after_stop, on_crash=judge)
    ((path, error),) = caught.value.failures
    assert path == "shop://till"
    assert isinstance(error, asyncio.CancelledError)
    assert asked == []


async def test_a_cancelled_wait_in_a_handler_is_a_fault_that_tells_so() -> None:
    faults: list[Exception] = []

    async def wait(state: Any, msg: str, ctx: Context[str]) -> None:
        if msg == "wait":
            await cancelled_wait()
        dispatch(ctx.sender, "still here")

    def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        faults.append(error)
        return ctx.resume

    async with start() as system:
        ref = spawn(system, wait, on_crash=judge)
        dispatch(ref, "wait")
        assert await query(ref, "?", 10) == "still here"
    (fault,) = faults
    assert isinstance(fault, HandlerCancelledError)
    assert isinstance(fault.__cause__, asyncio.CancelledError)


async def test_a_sync_handler_that_raises_cancelled_error_is_at_fault_too() -> None:
    faults: list[Exception] = []

    def cancel(state: Any, msg: str, ctx: Context[str]) -> None:
        raise asyncio.CancelledError

    def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        faults.append(error)
        return ctx.stop

    async with start() as system:
        ref = spawn(system, cancel, on_crash=judge)
        with pytest.raises(ActorStoppedError):
            await query(ref, "?", 10)
    assert isinstance(faults[0], HandlerCancelledError)
