"""The start of an actor, with `initial_state_func`, and its end, with `after_stop`."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from nact import (
    ActorRef,
    ActorStoppedError,
    Context,
    CrashContext,
    Decision,
    LogException,
    LogRecord,
    configure_logging,
    dispatch,
    query,
    spawn,
    start,
    stop,
)

from .handlers import cancelled_wait, tell

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def deciding(decision: Decision) -> Callable[..., Decision]:
    return lambda *args: decision


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
        return Decision.STOP

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
        return Decision.RESUME if msg is None else Decision.RESET

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
