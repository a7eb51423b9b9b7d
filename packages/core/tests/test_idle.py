"""`shutdown_after`: an actor that has had nothing to do for a while stops; a busy one never does."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from nact import Context, Decision, days, dispatch, query, spawn, spawn_stateless, start, stop

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def echo(*args: Any) -> Any:
    *_, msg, ctx = args
    dispatch(ctx.sender, msg)


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("spawn_any", [spawn, spawn_stateless])
@pytest.mark.parametrize("duration", [0.5, 30, timedelta(minutes=10), 30 * days], ids=str)
async def test_an_actor_without_messages_stops_when_the_time_is_over(
    spawn_any: Callable[..., Any], duration: Any
) -> None:
    wait = duration.total_seconds() if isinstance(duration, timedelta) else duration
    async with start() as system:
        ref = spawn_any(system, echo, shutdown_after=duration)
        await asyncio.sleep(wait * 0.99)
        assert not ref.is_stopped
        await asyncio.sleep(wait * 0.01 + 0.02)
        assert ref.is_stopped
        assert not system.children


async def test_an_actor_that_shuts_down_runs_after_stop() -> None:
    ended = asyncio.Event()
    async with start() as system:
        spawn(system, echo, shutdown_after=5, after_stop=lambda state, ctx: ended.set())
        await ended.wait()
        assert now() == pytest.approx(5, abs=0.02)


async def test_the_time_begins_anew_after_each_message() -> None:
    ended = asyncio.Event()
    async with start() as system:
        ref = spawn(system, echo, shutdown_after=5, after_stop=lambda state, ctx: ended.set())
        for _ in range(10):
            await asyncio.sleep(3)
            assert await query(ref, "still here", 10) == "still here"
        last = now()
        await ended.wait()
        assert now() - last == pytest.approx(5, abs=0.03)


async def test_an_actor_is_not_idle_while_its_handler_waits() -> None:
    ended = asyncio.Event()

    async def slow(state: Any, msg: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(60)
        dispatch(ctx.sender, now())

    async with start() as system:
        ref = spawn(system, slow, shutdown_after=5, after_stop=lambda state, ctx: ended.set())
        done = await query(ref, "work", 120)
        await ended.wait()
        assert now() - done == pytest.approx(5, abs=0.02)


async def test_a_stateless_actor_is_not_idle_while_one_of_its_handlers_waits() -> None:
    async def slow(msg: float, ctx: Context[float]) -> None:
        await asyncio.sleep(msg)
        dispatch(ctx.sender, now())

    async with start() as system:
        ref = spawn_stateless(system, slow, shutdown_after=5)
        long, short = query(ref, 60.0, 120), query(ref, 1.0, 120)
        await short
        assert await long == pytest.approx(60)
        stopped = []
        for _ in range(2):
            await asyncio.sleep(4)
            stopped.append(ref.is_stopped)
        assert stopped == [False, True], "it has been idle since its last message was done"


async def test_an_actor_whose_child_takes_long_to_end_still_shuts_down() -> None:
    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(12)

    async with start() as system:
        ref = spawn(system, echo, shutdown_after=5)
        child = spawn(ref, echo, after_stop=after_stop)
        stop(child)
        await asyncio.sleep(20)
        assert ref.is_stopped


async def test_children_stop_with_an_idle_parent() -> None:
    async with start() as system:
        parent = spawn(system, echo, shutdown_after=5)
        child = spawn(parent, echo)
        await asyncio.sleep(6)
        assert child.is_stopped


async def test_the_time_begins_when_the_state_is_made() -> None:
    async def make(ctx: Context[Any]) -> None:
        await asyncio.sleep(60)

    async with start() as system:
        ref = spawn(system, echo, initial_state_func=make, shutdown_after=5)
        await asyncio.sleep(64)
        assert not ref.is_stopped
        await asyncio.sleep(2)
        assert ref.is_stopped


async def test_the_time_begins_anew_after_a_reset() -> None:
    async def make(ctx: Context[Any]) -> None:
        await asyncio.sleep(4)

    def fail(state: Any, msg: Any, ctx: Context[Any]) -> None:
        raise ValueError

    async with start() as system:
        ref = spawn(system, fail, initial_state_func=make, shutdown_after=5, on_crash=lambda *args: Decision.RESET)
        await asyncio.sleep(8)  # four seconds idle
        dispatch(ref, "fail")
        await asyncio.sleep(8)  # four seconds to reset, four seconds idle
        assert not ref.is_stopped
        await asyncio.sleep(2)
        assert ref.is_stopped


async def test_an_actor_is_not_idle_while_it_waits_for_its_children_to_end_before_a_reset() -> None:
    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(60)

    def fail(state: Any, msg: Any, ctx: Context[Any]) -> None:
        if msg == "fail":
            raise ValueError
        dispatch(ctx.sender, msg)

    async with start() as system:
        ref = spawn(system, fail, shutdown_after=5, on_crash=lambda *args: Decision.RESET)
        spawn(ref, echo, after_stop=after_stop)
        dispatch(ref, "fail")
        assert await query(ref, "here again", 120) == "here again"


async def test_a_stopped_actor_is_not_kept_in_memory_by_its_idle_time() -> None:
    async with start() as system:
        ref = spawn(system, echo, shutdown_after=30 * days)
        cell = ref._target
        stop(ref)
        gone = weakref.ref(ref)
        del ref, cell
        gc.collect()
        assert gone() is None


async def test_without_it_an_actor_stays() -> None:
    async with start() as system:
        ref = spawn(system, echo)
        await asyncio.sleep(365 * days)
        assert await query(ref, "still here", 10) == "still here"
