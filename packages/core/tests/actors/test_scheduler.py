"""The run queue: no actor starves or waits for another's handler, and handlers run in real tasks."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from nact import (
    Context,
    Decision,
    LogRecord,
    configure_logging,
    dispatch,
    query,
    spawn,
    spawn_stateless,
    start,
    stop,
)
from nact._runtime.scheduler import MESSAGES_PER_PASS

from .handlers import echo

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


# --- fairness --------------------------------------------------------------------------------------------------------


def work(state: int, msg: Any, ctx: Context[Any]) -> int:
    dispatch(ctx.sender, state)
    return state + 1


async def work_async(state: int, msg: Any, ctx: Context[Any]) -> int:
    return work(state, msg, ctx)


@pytest.mark.parametrize("busy", [work, work_async])
async def test_an_actor_with_100_000_messages_does_not_starve_the_others(busy: Callable[..., Any]) -> None:
    handled: list[int] = []
    last = 0

    async with start() as system:
        ref = spawn(system, busy, initial_state=0, after_stop=lambda state, ctx: handled.append(state))
        for last in range(1, 100_001):
            dispatch(ref, last)
        assert await query(spawn(system, echo), "my turn?", 60) == "my turn?"
        stop(ref)
        assert system.dead_letters > 99_000
    assert handled[0] + system.dead_letters == last


@pytest.mark.parametrize("busy", [work, work_async])
async def test_an_actor_with_100_000_messages_does_not_starve_the_event_loop(busy: Callable[..., Any]) -> None:
    passes = 0

    async with start() as system:
        ref = spawn(system, busy, initial_state=0)
        for number in range(100_000):
            dispatch(ref, number)
        answer = query(ref, "report", 60)
        while not answer.done():
            await asyncio.sleep(0)
            passes += 1
        assert await answer == 100_000
    assert passes == pytest.approx(100_000 / MESSAGES_PER_PASS, rel=0.1)


@pytest.mark.parametrize("busy", ["sync", "async"])
async def test_actors_that_keep_each_other_busy_do_not_starve_the_event_loop(busy: str) -> None:
    def play(state: Any, msg: int, ctx: Context[int]) -> None:
        dispatch(ctx.sender, msg + 1, ctx.self)

    async def play_async(state: Any, msg: int, ctx: Context[int]) -> None:
        play(state, msg, ctx)

    async with start() as system:
        ping, pong = (spawn(system, play if busy == "sync" else play_async) for _ in range(2))
        dispatch(ping, 0, pong)
        for _ in range(100):
            await asyncio.sleep(0)
        stop(ping)


async def test_an_actor_that_sends_to_itself_for_ever_does_not_starve_the_event_loop() -> None:
    async def forever(state: Any, msg: int, ctx: Context[int]) -> None:
        dispatch(ctx.self, msg + 1)

    async with start() as system:
        ref = spawn(system, forever)
        dispatch(ref, 0)
        for _ in range(100):
            await asyncio.sleep(0)
        stop(ref)


async def test_handlers_that_suspend_do_not_block_others() -> None:
    release = asyncio.Event()

    async def slow(state: Any, msg: Any, ctx: Context[Any]) -> None:
        await release.wait()
        dispatch(ctx.sender, msg)

    async with start() as system:
        answers = [query(spawn(system, slow), number, 60) for number in range(1000)]
        assert await query(spawn(system, echo), "my turn?", 60) == "my turn?"
        assert not any(answer.done() for answer in answers)
        release.set()
        assert [await answer for answer in answers] == list(range(1000))


async def test_a_thousand_actors_wait_at_the_same_time() -> None:
    async def slow(state: Any, msg: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(60)
        dispatch(ctx.sender, asyncio.get_running_loop().time())

    async with start() as system:
        answers = [query(spawn(system, slow), "?", 3600) for _ in range(1000)]
        assert {await answer for answer in answers} == {60.0}


async def test_actors_that_have_nothing_to_do_cost_no_task() -> None:
    async def slow(state: Any, msg: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(1)

    async with start() as system:
        before = len(asyncio.all_tasks())
        refs = [spawn(system, slow) for _ in range(100)]
        for ref in refs:
            dispatch(ref, "work")
        await asyncio.sleep(2)
        assert len(asyncio.all_tasks()) == before


# --- workers that are cancelled ------------------------------------------------------------------------------------


@pytest.mark.parametrize("passes", range(6))
async def test_a_worker_cancelled_at_any_moment_leaves_the_others_served(passes: int) -> None:
    """Whether it had begun, was in a handler that suspends, or was waiting for the loop's next pass."""
    ended: list[str] = []

    async def slow(state: Any, msg: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async with start() as system:
        for name in "abc":
            dispatch(spawn(system, slow, name, after_stop=lambda state, ctx: ended.append(ctx.name)), "work")
        for _ in range(passes):
            await asyncio.sleep(0)
        system._runtime.scheduler.interrupt()
        assert await query(spawn(system, echo), "still served", 10) == "still served"
    assert sorted(ended) == ["a", "b", "c"]


async def test_a_worker_that_is_cancelled_in_a_handler_ends_as_cancelled() -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def slow(state: Any, msg: Any, ctx: Context[Any]) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        await asyncio.sleep(3600)

    async with start() as system:
        dispatch(spawn(system, slow), "work")
        await query(spawn(system, echo), "let all run", 10)
        system._runtime.scheduler.interrupt()
        await asyncio.wait(tasks)
        assert tasks[0].cancelled()


async def test_a_worker_that_is_cancelled_while_a_policy_waits_cancels_the_policy(records: list[LogRecord]) -> None:
    cancelled = asyncio.Event()

    async def judge(*args: Any) -> Decision:
        try:
            await asyncio.sleep(3600)
        finally:
            cancelled.set()
        return Decision.RESUME

    def fail(state: Any, msg: Any, ctx: Context[Any]) -> None:
        raise ValueError

    async with start(configure_logging(records.append)) as system:
        ref = spawn(system, fail, on_crash=judge)
        dispatch(ref, "fail")
        await query(spawn(system, echo), "let all run", 10)
        system._runtime.scheduler.interrupt()
        await cancelled.wait()
        assert asyncio.get_running_loop().time() < 3600
        await query(spawn(system, echo), "let all run", 10)
        assert ref.is_stopped
    assert [record.text for record in records] == ["stops: it was cancelled: CancelledError()"]


@pytest.mark.parametrize("passes", range(3))
async def test_a_stateless_message_cancelled_at_any_moment_is_done_with(passes: int) -> None:
    async def slow(msg: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(3600)

    async with start() as system:
        ref = spawn_stateless(system, slow)
        dispatch(ref, "work")
        for _ in range(passes):
            await asyncio.sleep(0)
        system._runtime.scheduler.interrupt()
        gc.collect()
        await query(spawn(system, echo), "let all run", 10)
        system._runtime.scheduler.interrupt()
    assert asyncio.get_running_loop().time() < 3600
