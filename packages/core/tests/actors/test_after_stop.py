"""The end of an actor: `after_stop`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nact import (
    ActorStoppedError,
    Context,
    CrashContext,
    Decision,
    HandlerCancelledError,
    SystemFailedError,
    dispatch,
    query,
    spawn,
    start,
    stop,
)

from .handlers import cancelled_wait, tell

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


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


async def test_an_after_stop_that_raises_fails_only_the_system() -> None:
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
        return Decision.RESUME

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
        return Decision.RESUME

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
        return Decision.STOP

    async with start() as system:
        ref = spawn(system, cancel, on_crash=judge)
        with pytest.raises(ActorStoppedError):
            await query(ref, "?", 10)
    assert isinstance(faults[0], HandlerCancelledError)
