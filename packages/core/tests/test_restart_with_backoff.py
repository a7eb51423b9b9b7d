"""`RestartWithBackoff`: restarts with growing delays, up to a limit."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from nact import (
    ActorRef,
    ActorStoppedError,
    Context,
    CorruptJournalError,
    CrashContext,
    Decision,
    LogRecord,
    RestartWithBackoff,
    configure_logging,
    dispatch,
    query,
    spawn,
    spawn_stateless,
    start,
    stop,
)

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def now() -> float:
    return asyncio.get_running_loop().time()


def work(state: list[str], msg: str, ctx: Context[str]) -> list[str]:
    """Collects messages. Answers with them, and the time."""
    if msg == "fail":
        raise ValueError(msg)
    dispatch(ctx.sender, (now(), [*state, msg]))
    return [*state, msg]


async def moments_of_restart(policy: RestartWithBackoff, faults: int) -> list[float]:
    """When an actor that fails again and again was back in service, each time."""
    moments: list[float] = []
    async with start() as system:
        ref = spawn(system, work, initial_state=[], on_crash=policy)
        for _ in range(faults):
            dispatch(ref, "fail")
            time, _ = await query(ref, "back?", 10_000)
            moments.append(time)
    return moments


async def test_a_journal_that_cant_be_read_is_not_tried_again() -> None:
    def read(state: object, msg: object, ctx: Context[object]) -> None:
        raise CorruptJournalError("event 3 is missing", "contacts", 3)

    async with start() as system:
        ref = spawn(system, read, on_crash=RestartWithBackoff(initial=5))
        with pytest.raises(ActorStoppedError):
            await query(ref, "anything", 60)
        assert now() == 0


async def test_the_actor_is_reset_after_a_delay_and_keeps_its_mailbox() -> None:
    async with start() as system:
        ref = spawn(system, work, initial_state=[], on_crash=RestartWithBackoff(initial=5))
        for msg in ("before", "fail", "a"):
            dispatch(ref, msg)
        assert await query(ref, "b", 60) == (5.0, ["a", "b"])


async def test_the_delay_grows_from_fault_to_fault() -> None:
    policy = RestartWithBackoff(initial=1, factor=3, maximum=1000)
    assert await moments_of_restart(policy, 5) == [1, 1 + 3, 4 + 9, 13 + 27, 40 + 81]


async def test_the_delay_grows_up_to_its_maximum() -> None:
    policy = RestartWithBackoff(initial=timedelta(seconds=1), factor=10, maximum=timedelta(seconds=50))
    assert await moments_of_restart(policy, 4) == [1, 11, 61, 111]


async def test_by_default_it_doubles_from_a_tenth_of_a_second() -> None:
    assert await moments_of_restart(RestartWithBackoff(), 4) == pytest.approx([0.1, 0.3, 0.7, 1.5])


@pytest.mark.parametrize("factor", [2.0, 2], ids=repr)
async def test_the_delay_stays_at_its_maximum_however_long_it_goes_on(factor: float) -> None:
    policy = RestartWithBackoff(initial=1, factor=factor, maximum=2, limit=2000)
    moments = await moments_of_restart(policy, 1100)
    assert moments[-1] - moments[-2] == 2


async def test_past_the_limit_the_actor_stops() -> None:
    async with start() as system:
        ref = spawn(system, work, initial_state=[], on_crash=RestartWithBackoff(initial=1, factor=1, limit=3))
        for _ in range(3):
            dispatch(ref, "fail")
        assert (await query(ref, "back?", 60))[0] == 3
        dispatch(ref, "fail")
        with pytest.raises(ActorStoppedError):
            await query(ref, "back?", 60)
        assert now() == 3


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_past_the_limit_another_policy_can_decide(kind: str) -> None:
    asked: list[tuple[str, str, ActorRef[Any], Any]] = []

    def otherwise(msg: str, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        asked.append((msg, str(error), ctx.self, child))
        return Decision.RESUME

    async def otherwise_later(msg: str, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        await asyncio.sleep(7)
        return otherwise(msg, error, ctx, child)

    policy = RestartWithBackoff(initial=1, limit=1, otherwise=otherwise if kind == "sync" else otherwise_later)
    async with start() as system:
        ref = spawn(system, work, initial_state=[], on_crash=policy)
        for msg in ("fail", "a", "fail"):
            dispatch(ref, msg)
        _, collected = await query(ref, "b", 60)
        assert collected == ["a", "b"], "the second fault doesn't reset"
        assert asked == [("fail", "fail", ref, None)]


async def test_a_fault_long_after_the_last_restart_counts_as_the_first() -> None:
    async with start() as system:
        policy = RestartWithBackoff(initial=10, factor=10, maximum=1000, limit=2, forgive_after=60)
        ref = spawn(system, work, initial_state=[], on_crash=policy)

        async def delay_after(pause: float) -> float:
            await asyncio.sleep(pause)
            failed = now()
            dispatch(ref, "fail")
            time, _ = await query(ref, "back?", 10_000)
            return float(time - failed)

        assert await delay_after(0) == 10
        assert await delay_after(59) == 100
        assert await delay_after(61) == 10, "forgiven"
        assert await delay_after(0) == 100


async def test_a_delay_longer_than_the_time_to_forgive_does_not_forgive() -> None:
    async with start() as system:
        policy = RestartWithBackoff(initial=100, factor=1, maximum=100, limit=2, forgive_after=60)
        ref = spawn(system, work, initial_state=[], on_crash=policy)
        for _ in range(3):
            dispatch(ref, "fail")
        with pytest.raises(ActorStoppedError):
            await query(ref, "back?", 10_000)


async def test_the_faults_of_each_actor_are_counted_by_themselves() -> None:
    policy = RestartWithBackoff(initial=1, limit=1)
    async with start() as system:
        refs = [spawn(system, work, initial_state=[], on_crash=policy) for _ in range(5)]
        for ref in refs:
            dispatch(ref, "fail")
        assert [await query(ref, "back?", 60) for ref in refs] == [(1.0, ["back?"])] * 5


async def test_a_parent_can_restart_its_child() -> None:
    async with start() as system:
        parent = spawn(system, work, initial_state=[], on_crash=RestartWithBackoff(initial=5))
        child = spawn(parent, work, initial_state=[], on_crash=lambda *args: Decision.ESCALATE)
        await query(parent, "p", 60)
        for msg in ("before", "fail"):
            dispatch(child, msg)
        assert await query(child, "after", 60) == (5.0, ["after"])
        assert await query(parent, "q", 60) == (5.0, ["p", "q"])


async def test_a_parent_counts_the_faults_of_each_child_by_themselves() -> None:
    async with start() as system:
        parent = spawn(system, work, initial_state=[], on_crash=RestartWithBackoff(initial=1, limit=1))
        children = [spawn(parent, work, initial_state=[], on_crash=lambda *args: Decision.ESCALATE) for _ in range(3)]
        for child in children:
            dispatch(child, "fail")
        assert [await query(child, "back?", 60) for child in children] == [(1.0, ["back?"])] * 3


async def test_a_stop_during_the_delay_does_not_wait_for_its_end() -> None:
    ended = asyncio.Event()
    async with start() as system:
        ref = spawn(
            system,
            work,
            initial_state=[],
            on_crash=RestartWithBackoff(initial=3600, maximum=3600),
            after_stop=lambda state, ctx: ended.set(),
        )
        dispatch(ref, "fail")
        await asyncio.sleep(5)
        stop(ref)
        await ended.wait()
        assert now() == 5


async def test_a_system_that_stops_during_the_delay_does_not_wait_for_its_end() -> None:
    async with start() as system:
        ref = spawn(system, work, initial_state=[], on_crash=RestartWithBackoff(initial=3600, maximum=3600))
        dispatch(ref, "fail")
        await asyncio.sleep(5)
    assert now() == 5


async def test_a_stateless_actor_can_be_restarted() -> None:
    def fail(msg: str, ctx: Context[str]) -> None:
        if msg == "fail":
            raise ValueError(msg)
        dispatch(ctx.sender, now())

    async with start() as system:
        ref = spawn_stateless(system, fail, on_crash=RestartWithBackoff(initial=5))
        dispatch(ref, "fail")
        assert await query(ref, "back?", 60) == 5


async def test_it_says_what_it_does(records: list[LogRecord]) -> None:
    async with start(configure_logging(records.append), name="shop") as system:
        ref = spawn(system, work, "till", initial_state=[], on_crash=RestartWithBackoff(initial=0.5, limit=1))
        dispatch(ref, "fail")
        dispatch(ref, "fail")
        with pytest.raises(ActorStoppedError):
            await query(ref, "back?", 60)
    assert [record.text for record in records] == [
        "restarts shop://till in 0.5 s, attempt 1 of 1, after ValueError('fail')",
        "stops after a fault while it handled a message of type str: ValueError('fail')",
    ]


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("initial", 0, ValueError),
        ("initial", "1", TypeError),
        ("maximum", -1, ValueError),
        ("maximum", None, TypeError),
        ("forgive_after", float("nan"), ValueError),
        ("forgive_after", [], TypeError),
        ("factor", 0.5, ValueError),
        ("factor", float("nan"), ValueError),
        ("factor", "2", ValueError),
        ("factor", True, ValueError),
        ("limit", 0, ValueError),
        ("limit", 2.5, ValueError),
        ("limit", True, ValueError),
        ("otherwise", Decision.STOP, TypeError),
    ],
    ids=str,
)
def test_a_wrong_argument_is_refused_and_named(argument: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^{argument} must be ") as caught:
        RestartWithBackoff(**{argument: value})
    assert repr(value) in str(caught.value)
