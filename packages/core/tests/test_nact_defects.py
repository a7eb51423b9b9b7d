"""Regression tests: what nact 7.6 for JavaScript gets wrong about actors. (For persistence, see persistence/.)"""

import asyncio
import itertools
import string
from typing import Any

import pytest

from nact import (
    ActorRef,
    ActorStoppedError,
    Context,
    CrashContext,
    Decision,
    LogRecord,
    NameInUseError,
    configure_logging,
    dispatch,
    query,
    spawn,
    start,
    stop,
)

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def echo(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    dispatch(ctx.sender, msg)
    return state


def fail(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    if msg == "fail":
        raise ValueError(msg)
    return echo(state, msg, ctx)


def escalate(msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None) -> Decision:
    return Decision.ESCALATE


async def others_ran(system: ActorRef[Any]) -> None:
    """Returns when all that can run has run."""
    await query(spawn(system, echo), "let all run", 10)


async def test_defect_1_a_parent_that_resumes_after_a_childs_fault_runs_one_handler_and_the_child_goes_on() -> None:
    running, most = 0, 0
    begun, release = asyncio.Event(), asyncio.Event()

    async def parent_handler(state: Any, msg: Any, ctx: Context[Any]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        begun.set()
        await release.wait()
        running -= 1
        dispatch(ctx.sender, msg)

    async with start() as system:
        parent = spawn(system, parent_handler, on_crash=lambda *args: Decision.RESUME)
        child = spawn(parent, fail, on_crash=escalate)
        first, second = query(parent, 1, 60), query(parent, 2, 60)
        await begun.wait()
        dispatch(child, "fail")
        assert await query(child, "still here", 60) == "still here"
        release.set()
        assert (await first, await second) == (1, 2)
    assert most == 1


async def test_defect_2_a_peer_that_is_reset_in_mid_message_runs_one_handler_and_its_old_result_is_dropped() -> None:
    running, most = 0, 0
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow(state: str, msg: str, ctx: Context[str]) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        begun.set()
        await release.wait()
        running -= 1
        dispatch(ctx.sender, state)
        return "old result"

    async with start() as system:
        peer = spawn(system, slow, initial_state="first state")
        troubled = spawn(system, fail, on_crash=lambda *args: Decision.RESET_ALL)
        first, second = query(peer, "a", 60), query(peer, "b", 60)
        await begun.wait()
        dispatch(troubled, "fail")
        assert await query(troubled, "reset", 60) == "reset"
        release.set()
        assert (await first, await second) == ("first state", "first state")
    assert most == 1


@pytest.mark.parametrize("decision", [Decision.STOP_ALL_CHILDREN, Decision.RESET_ALL_CHILDREN], ids=lambda d: d.value)
async def test_defect_3_a_decision_about_all_children_on_ones_own_fault_does_not_hang_the_actor(
    decision: Decision,
) -> None:
    async with start() as system:
        ref = spawn(system, fail, on_crash=lambda *args: decision)
        dispatch(ref, "fail")
        assert await query(ref, "still here", 60) == "still here"


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_defect_4_a_policy_that_raises_does_not_hang_the_actor(kind: str) -> None:
    def judge(*args: Any) -> Decision:
        raise KeyError("no decision")

    async def judge_later(*args: Any) -> Decision:
        await asyncio.sleep(1)
        raise KeyError("no decision")

    ended = asyncio.Event()
    async with start() as system:
        ref = spawn(
            system, fail, on_crash=judge if kind == "sync" else judge_later, after_stop=lambda *args: ended.set()
        )
        dispatch(ref, "fail")
        await ended.wait()
        assert ref.is_stopped


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_defect_5_a_fault_after_the_actor_stopped_itself_is_logged_and_no_more(
    kind: str, records: list[LogRecord]
) -> None:
    asked: list[Any] = []

    def leave(state: Any, msg: Any, ctx: Context[Any]) -> None:
        stop(ctx.self)
        raise ValueError("on the way out")

    async def leave_later(state: Any, msg: Any, ctx: Context[Any]) -> None:
        stop(ctx.self)
        await asyncio.sleep(1)
        raise ValueError("on the way out")

    def judge(*args: Any) -> Decision:
        asked.append(args)
        return Decision.RESET

    async with start(configure_logging(records.append)) as system:
        dispatch(spawn(system, leave if kind == "sync" else leave_later, on_crash=judge), "leave")
        await others_ran(system)
    assert [record.text for record in records] == [
        "failed, after it was told to stop, while it handled a message of type str: ValueError('on the way out')"
    ]
    assert asked == []
    assert system.failures == ()


async def test_defect_6_after_stop_waits_for_the_handler_in_progress_and_gets_its_state() -> None:
    begun = asyncio.Event()
    events: list[str] = []

    async def slow(state: str, msg: str, ctx: Context[str]) -> str:
        begun.set()
        await asyncio.sleep(60)
        events.append("handled")
        return msg

    async with start() as system:
        ref = spawn(system, slow, initial_state="stale", after_stop=lambda state, ctx: events.append(state))
        dispatch(ref, "last")
        await begun.wait()
        stop(ref)
    assert events == ["handled", "last"]


async def test_defect_7_a_query_fails_as_soon_as_its_target_stops() -> None:
    async with start() as system:
        ref: ActorRef[str] = spawn(system, lambda state, msg, ctx: None)
        answer = query(ref, "hello?", 3600)
        await others_ran(system)
        stop(ref)
        with pytest.raises(ActorStoppedError):
            await answer
    assert asyncio.get_running_loop().time() == 0


async def test_defect_8_an_actor_with_thirty_days_to_idle_is_not_stopped_before() -> None:
    thirty_days = 30 * 86400
    async with start() as system:
        ref = spawn(system, echo, shutdown_after=thirty_days)
        answer = query(spawn(system, lambda state, msg, ctx: None), "hello?", thirty_days)
        await asyncio.sleep(thirty_days - 1)
        assert not ref.is_stopped
        assert not answer.done()
        answer.cancel()


async def test_defect_9_the_idle_time_does_not_survive_a_reset() -> None:
    async def slow_or_fail(state: Any, msg: Any, ctx: Context[Any]) -> None:
        if msg == "fail":
            raise ValueError
        await asyncio.sleep(60)
        dispatch(ctx.sender, msg)

    async with start() as system:
        ref = spawn(system, slow_or_fail, shutdown_after=5, on_crash=lambda *args: Decision.RESET)
        await asyncio.sleep(4)
        dispatch(ref, "fail")
        assert await query(ref, "done", 120) == "done"


@pytest.mark.parametrize("mistake", ["shutdown_after", "on_crash", "after_stop", "initial_state_func"])
async def test_defect_10_a_spawn_that_failed_leaves_nothing_that_holds_the_name(mistake: str) -> None:
    async with start() as system:
        arguments: dict[str, Any] = {mistake: "wrong"}
        with pytest.raises(TypeError, match=mistake):
            spawn(system, echo, "till", **arguments)
        assert not system.children
        assert await query(spawn(system, echo, "till"), "hello", 10) == "hello"


async def test_defect_10_a_spawn_under_a_taken_name_leaves_the_first_actor_as_it_was() -> None:
    async with start() as system:
        first = spawn(system, echo, "till")
        with pytest.raises(NameInUseError):
            spawn(system, echo, "till")
        assert system.children == {"till": first}
        assert await query(first, "hello", 10) == "hello"


async def test_defect_11_an_initial_state_that_keeps_failing_is_tried_again_after_growing_delays() -> None:
    attempts: list[float] = []

    async def make(ctx: Context[Any]) -> str:
        attempts.append(asyncio.get_running_loop().time())
        raise ValueError("no state today")

    async with start() as system:
        ref = spawn(system, echo, initial_state_func=make, on_crash=lambda *args: Decision.RESET)
        await asyncio.sleep(3600)
        stop(ref)
    assert 10 < len(attempts) < 200
    delays = [later - earlier for earlier, later in itertools.pairwise(attempts)]
    assert min(delays) > 0
    assert delays == pytest.approx(sorted(delays))


async def test_defect_12_two_systems_of_one_name_know_their_own_actors_only() -> None:
    def tell(state: str, msg: Any, ctx: Context[Any]) -> str:
        dispatch(ctx.sender, state)
        return state

    async with start(name="shop") as first:
        in_first = spawn(first, tell, "till", initial_state="first")
        async with start(name="shop") as second:
            in_second = spawn(second, tell, "till", initial_state="second")
            assert in_first.path == in_second.path == "shop://till"
            assert [await query(ref, "?", 10) for ref in (in_first, in_second)] == ["first", "second"]
            dispatch(second, "a dead letter")
            assert (first.dead_letters, second.dead_letters) == (0, 1)
        assert await query(in_first, "?", 10) == "first"


async def test_defect_13_made_up_names_never_collide_and_are_names() -> None:
    async with start() as system:
        names = [spawn(system, echo).name for _ in range(1000)]
        stop(system.children[names[0]])
        names += [spawn(parent, echo).name for parent in list(system.children.values())]
    assert len(set(names)) == len(names)
    assert all(name[0] in string.ascii_letters for name in names), "not a number, nor an option of a command"
