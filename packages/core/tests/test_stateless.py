"""`spawn_stateless`: messages are begun in order and served at the same time."""

import asyncio
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
    configure_logging,
    dispatch,
    query,
    spawn,
    spawn_stateless,
    start,
    stop,
)

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def echo(state: Any, msg: Any, ctx: Context[Any]) -> None:
    dispatch(ctx.sender, msg)


async def others_ran(system: ActorRef[Any]) -> None:
    """Returns when all that can run has run."""
    await query(spawn(system, echo), "let all run", 10)


async def test_a_sync_handler_answers() -> None:
    async with start() as system:
        ref: ActorRef[int] = spawn_stateless(system, lambda msg, ctx: dispatch(ctx.sender, msg * 2))
        assert await query(ref, 21, 10) == 42


async def test_messages_are_begun_in_order_and_served_at_the_same_time() -> None:
    begun: list[int] = []

    async def slow(msg: int, ctx: Context[int]) -> None:
        begun.append(msg)
        await asyncio.sleep(100 - msg)
        dispatch(ctx.sender, asyncio.get_running_loop().time())

    async with start() as system:
        ref = spawn_stateless(system, slow)
        answers = [query(ref, number, 1000) for number in range(100)]
        assert [await answer for answer in answers] == [100.0 - number for number in range(100)]
    assert begun == list(range(100))


async def test_each_message_keeps_its_own_sender() -> None:
    async def slow(msg: int, ctx: Context[int]) -> None:
        await asyncio.sleep(10 - msg)
        dispatch(ctx.sender, msg)

    async with start() as system:
        ref = spawn_stateless(system, slow)
        answers = [query(ref, number, 1000) for number in range(10)]
        assert [await answer for answer in answers] == list(range(10))


async def test_any_awaitable_is_awaited() -> None:
    def later(msg: str, ctx: Context[str]) -> Any:
        future = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: dispatch(ctx.sender, msg))
        asyncio.get_running_loop().call_later(1, future.set_result, None)
        return future

    async with start() as system:
        assert await query(spawn_stateless(system, later), "at last", 10) == "at last"


async def test_what_the_handler_returns_is_dropped() -> None:
    def answer(msg: str, ctx: Context[str]) -> list[str]:
        dispatch(ctx.sender, msg)
        return ["a result"]

    async with start() as system:
        ref = spawn_stateless(system, answer)
        assert [await query(ref, "a", 10), await query(ref, "b", 10)] == ["a", "b"]


async def test_it_can_have_children_and_stops_them() -> None:
    def hire(msg: str, ctx: Context[str]) -> None:
        dispatch(ctx.sender, spawn(ctx.self, echo, msg))

    async with start(name="shop") as system:
        ref = spawn_stateless(system, hire, "floor")
        child = await query(ref, "till", 10)
        assert child.path == "shop://floor/till"
        stop(ref)
        assert child.is_stopped


# --- faults ----------------------------------------------------------------------------------------------------------


def fail(msg: str, ctx: Context[str]) -> None:
    if msg == "fail":
        raise ValueError(msg)
    dispatch(ctx.sender, msg)


async def fail_later(msg: str, ctx: Context[str]) -> None:
    await asyncio.sleep(1)
    fail(msg, ctx)


both_handlers = pytest.mark.parametrize("handler", [fail, fail_later])


@both_handlers
async def test_by_default_a_fault_is_logged_and_it_goes_on(handler: Any, records: list[LogRecord]) -> None:
    async with start(configure_logging(records.append)) as system:
        ref = spawn_stateless(system, handler)
        dispatch(ref, "fail")
        assert await query(ref, "still here", 10) == "still here"
    (record,) = records
    assert isinstance(record, LogException)
    assert record.actor is ref
    assert record.text == "goes on after a fault while it handled a message of type str: ValueError('fail')"


@both_handlers
async def test_it_stops_if_the_policy_says_so(handler: Any) -> None:
    async with start() as system:
        ref = spawn_stateless(system, handler, on_crash=lambda *args: Decision.STOP)
        dispatch(ref, "fail")
        await asyncio.sleep(2)
        with pytest.raises(ActorStoppedError):
            await query(ref, "still here?", 10)


@both_handlers
async def test_its_fault_can_be_escalated(handler: Any) -> None:
    blamed: asyncio.Queue[Any] = asyncio.Queue()

    def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        blamed.put_nowait((msg, child))
        return Decision.STOP_CHILD

    async with start() as system:
        parent = spawn(system, echo, on_crash=judge)
        ref = spawn_stateless(parent, handler, on_crash=lambda *args: Decision.ESCALATE)
        dispatch(ref, "fail")
        assert await blamed.get() == ("fail", ref)
        await others_ran(system)
        assert ref.is_stopped
        assert not parent.is_stopped


async def test_a_policy_is_told_the_sender_of_the_message_that_failed_whatever_came_after_it() -> None:
    blamed: asyncio.Queue[tuple[str, ActorRef[Any]]] = asyncio.Queue()

    def judge(msg: str, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        blamed.put_nowait((msg, ctx.sender))
        return Decision.RESUME

    async def slow(msg: str, ctx: Context[str]) -> None:
        await asyncio.sleep(1 if msg == "fail" else 2)
        raise ValueError(msg)

    async with start() as system:
        ref = spawn_stateless(system, slow, on_crash=judge)
        first, second = spawn(system, echo), spawn(system, echo)
        dispatch(ref, "fail", first)
        dispatch(ref, "fail too", second)
        assert [await blamed.get(), await blamed.get()] == [("fail", first), ("fail too", second)]


async def test_a_cancelled_wait_is_a_fault_like_any_other() -> None:
    faults: asyncio.Queue[Exception] = asyncio.Queue()

    async def wait(msg: str, ctx: Context[str]) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    def judge(msg: str, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        faults.put_nowait(error)
        return Decision.RESUME

    async with start() as system:
        dispatch(spawn_stateless(system, wait, on_crash=judge), "wait")
        fault = await faults.get()
    assert isinstance(fault, HandlerCancelledError)
    assert isinstance(fault.__cause__, asyncio.CancelledError)


async def test_a_reset_stops_the_children_and_keeps_the_mailbox() -> None:
    async with start() as system:
        ref = spawn_stateless(system, fail, on_crash=lambda *args: Decision.RESET)
        child = spawn(ref, echo)
        dispatch(ref, "fail")
        assert await query(ref, "still here", 10) == "still here"
        assert child.is_stopped


async def test_a_stop_cuts_all_its_policies_short() -> None:
    asked = 0
    all_asked = asyncio.Event()

    async def judge(*args: Any) -> Decision:
        nonlocal asked
        asked += 1
        if asked == 3:
            all_asked.set()
        await asyncio.sleep(3600)
        return Decision.RESUME

    async with start() as system:
        ref = spawn_stateless(system, fail_later, on_crash=judge)
        for _ in range(3):
            dispatch(ref, "fail")
        await all_asked.wait()
    assert asyncio.get_running_loop().time() < 3600


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_a_stop_lets_the_messages_in_progress_finish() -> None:
    done: list[int] = []

    async def slow(msg: int, ctx: Context[int]) -> None:
        await asyncio.sleep(10 + msg)
        done.append(msg)

    async with start() as system:
        parent = spawn(system, echo, after_stop=lambda state, ctx: done.append(-1))
        ref = spawn_stateless(parent, slow)
        for number in range(3):
            dispatch(ref, number)
        await asyncio.sleep(1)
        stop(parent)
        dispatch(ref, 3)
        assert system.dead_letters == 1
    assert done == [0, 1, 2, -1]


async def test_a_fault_after_the_stop_is_logged_and_nobody_is_asked(records: list[LogRecord]) -> None:
    asked: list[Any] = []

    def judge(*args: Any) -> Decision:
        asked.append(args)
        return Decision.RESUME

    async with start(configure_logging(records.append)) as system:
        ref = spawn_stateless(system, fail_later, on_crash=judge)
        dispatch(ref, "fail")
        await others_ran(system)
        stop(ref)
    assert [record.text for record in records] == [
        "failed, after it was told to stop, while it handled a message of type str: ValueError('fail')"
    ]
    assert asked == []


async def test_a_handler_that_is_interrupted_is_logged(records: list[LogRecord]) -> None:
    async def slow(msg: str, ctx: Context[str]) -> None:
        await asyncio.sleep(3600)

    async with start(configure_logging(records.append), stop_timeout=1) as system:
        dispatch(spawn_stateless(system, slow), "work")
        await others_ran(system)
    assert [record.text for record in records] == [
        "was cancelled while it handled a message of type str: CancelledError()"
    ]
