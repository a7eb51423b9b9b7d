"""Handlers run in real tasks."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nact import (
    Context,
    Decision,
    dispatch,
    query,
    spawn,
    spawn_stateless,
    start,
    stop,
)

from .handlers import echo

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


async def test_a_timeout_inside_a_handler_works() -> None:
    async def impatient(state: Any, msg: Any, ctx: Context[Any]) -> None:
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(3600)
        except TimeoutError:
            dispatch(ctx.sender, "gave up")

    async with start() as system:
        assert await query(spawn(system, impatient), "?", 10) == "gave up"


async def test_a_timeout_that_a_handler_lets_through_is_a_fault_like_any_other() -> None:
    faults: list[Exception] = []

    async def impatient(state: Any, msg: Any, ctx: Context[Any]) -> None:
        if msg == "wait":
            async with asyncio.timeout(1):
                await asyncio.sleep(3600)
        dispatch(ctx.sender, msg)

    def judge(msg: Any, error: Exception, *rest: Any) -> Decision:
        faults.append(error)
        return Decision.RESUME

    async with start() as system:
        ref = spawn(system, impatient, on_crash=judge)
        dispatch(ref, "wait")
        assert await query(ref, "still here", 10) == "still here"
    assert [type(fault) for fault in faults] == [TimeoutError]


async def test_a_task_group_inside_a_handler_works() -> None:
    async def gather(state: Any, msg: Any, ctx: Context[Any]) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(delay, delay)) for delay in (3, 1, 2)]
        dispatch(ctx.sender, [task.result() for task in tasks])

    async with start() as system:
        assert await query(spawn(system, gather), "?", 10) == [3, 1, 2]


async def test_a_task_group_that_fails_is_a_fault_and_its_tasks_are_cancelled() -> None:
    tasks: list[asyncio.Task[Any]] = []
    faults: list[Exception] = []

    async def fail() -> None:
        await asyncio.sleep(1)
        raise ValueError

    async def gather(state: Any, msg: Any, ctx: Context[Any]) -> None:
        if msg == "gather":
            async with asyncio.TaskGroup() as group:
                tasks.append(group.create_task(asyncio.sleep(3600)))
                tasks.append(group.create_task(fail()))
        dispatch(ctx.sender, msg)

    def judge(msg: Any, error: Exception, *rest: Any) -> Decision:
        faults.append(error)
        return Decision.RESUME

    async with start() as system:
        ref = spawn(system, gather, on_crash=judge)
        dispatch(ref, "gather")
        assert await query(ref, "still here", 10) == "still here"
    assert [type(fault) for fault in faults] == [ExceptionGroup]
    assert [task.cancelled() for task in tasks] == [True, False]


async def times_out(delay: float = 1) -> None:
    async with asyncio.timeout(delay):
        await asyncio.sleep(3600)


def depth(task: asyncio.Task[Any]) -> int:
    """How many coroutines await one another in a task that waits."""
    coroutines = 0
    inner: Any = task.get_coro()
    while inner is not None:
        coroutines += 1
        inner = getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None)
    return coroutines


async def test_waiting_for_what_fails_again_and_again_piles_up_nothing() -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def retry(state: Any, msg: int, ctx: Context[int]) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        for _ in range(msg):
            with contextlib.suppress(TimeoutError):
                await times_out()

    async with start() as system:
        dispatch(spawn(system, retry), 1000)
        await asyncio.sleep(0.5)
        first = depth(tasks[0])
        await asyncio.sleep(999)
        assert depth(tasks[0]) <= first + 1


@pytest.mark.parametrize("wait", [None, asyncio.sleep, times_out])
async def test_a_fault_has_nothing_to_do_with_what_went_before(wait: Callable[[float], Awaitable[None]] | None) -> None:
    faults: asyncio.Queue[Exception] = asyncio.Queue()

    async def fail(state: Any, msg: Any, ctx: Context[Any]) -> None:
        if wait is not None:
            with contextlib.suppress(TimeoutError):
                await wait(1)
        raise ValueError

    def judge(msg: str, error: Exception, *rest: Any) -> Decision:
        faults.put_nowait(error)
        return Decision.RESUME

    async with start() as system:
        ref = spawn(system, fail, on_crash=judge)
        for _ in range(3):
            dispatch(ref, "fail")
        assert [(await faults.get()).__context__ for _ in range(3)] == [None, None, None]


@pytest.mark.parametrize("wait", [None, asyncio.sleep, times_out])
async def test_what_a_handler_held_when_it_failed_is_free_at_once(
    wait: Callable[[float], Awaitable[None]] | None,
) -> None:
    class Connection:
        pass

    held: list[weakref.ref[Connection]] = []

    async def fail(state: Any, msg: Any, ctx: Context[Any]) -> None:
        connection = Connection()
        held.append(weakref.ref(connection))
        if wait is not None:
            await wait(1)
        raise ValueError

    gc.collect()
    gc.disable()
    try:
        async with start() as system:
            dispatch(spawn(system, fail, on_crash=lambda *args: Decision.RESUME), "fail")
            await asyncio.sleep(2)
            assert [ref() for ref in held] == [None]
    finally:
        gc.enable()


async def test_a_handler_knows_its_task() -> None:
    async def introspect(state: Any, msg: Any, ctx: Context[Any]) -> None:
        before = asyncio.current_task()
        await asyncio.sleep(1)
        dispatch(ctx.sender, before is not None and before is asyncio.current_task())

    async with start() as system:
        assert await query(spawn(system, introspect), "?", 10) is True


async def test_a_handler_that_cancels_its_own_task_stops_its_actor_and_no_other() -> None:
    async def cancel(state: Any, msg: Any, ctx: Context[Any]) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    async with start() as system:
        ref, other = spawn(system, cancel), spawn(system, echo)
        dispatch(ref, "cancel")
        assert await query(other, "still here", 10) == "still here"
        assert ref.is_stopped
        assert await query(other, "and again", 10) == "and again"


@pytest.fixture
def eager_tasks() -> Any:
    """Makes the running loop's tasks begin at once."""
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("asyncio has had eager tasks since Python 3.12")
    return lambda: asyncio.get_running_loop().set_task_factory(factory)


@pytest.mark.parametrize("spawn_any", [spawn, spawn_stateless])
async def test_an_eager_task_factory_makes_no_difference(spawn_any: Callable[..., Any], eager_tasks: Any) -> None:
    handled: list[Any] = []

    async def slow(*args: Any) -> None:
        *_, msg, ctx = args
        handled.append(msg)
        await asyncio.sleep(0)
        if msg == "fail":
            raise ValueError
        dispatch(ctx.sender, msg)

    async def judge(*args: Any) -> Decision:
        await asyncio.sleep(0)
        return Decision.RESUME

    eager_tasks()
    async with start() as system:
        ref = spawn_any(system, slow, on_crash=judge)
        dispatch(ref, "fail")
        answer = query(ref, "hello", 10)
        assert handled == [], "dispatch runs nobody's handler"
        assert await answer == "hello"
    assert handled == ["fail", "hello"]


async def test_a_policy_that_begins_eagerly_and_stops_its_actor_is_cut_short(eager_tasks: Any) -> None:
    def fail(state: Any, msg: Any, ctx: Context[Any]) -> None:
        raise ValueError

    async def judge(msg: Any, error: Exception, ctx: Context[Any], child: Any = None) -> Decision:
        stop(ctx.self)
        await asyncio.sleep(3600)
        return Decision.RESUME

    eager_tasks()
    async with start() as system:
        dispatch(spawn(system, fail, on_crash=judge), "fail")
        await query(spawn(system, echo), "let all run", 10)
    assert asyncio.get_running_loop().time() < 3600
