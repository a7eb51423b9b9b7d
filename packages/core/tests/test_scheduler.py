"""Whose turn it is: nobody starves, nobody waits for another's handler, and handlers run in real tasks."""

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
    LogRecord,
    configure_logging,
    dispatch,
    query,
    spawn,
    spawn_stateless,
    start,
    stop,
)
from nact._scheduler import MESSAGES_PER_PASS

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def echo(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    dispatch(ctx.sender, msg)
    return state


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


# --- handlers run in real tasks ------------------------------------------------------------------------------------


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
        system.scheduler.interrupt()
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
        system.scheduler.interrupt()
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
        system.scheduler.interrupt()
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
        system.scheduler.interrupt()
        gc.collect()
        await query(spawn(system, echo), "let all run", 10)
        system.scheduler.interrupt()
    assert asyncio.get_running_loop().time() < 3600
