"""Questions that are passed on: they fail when no actor is left that could answer, at once, and not before."""

import asyncio
from typing import Any

import pytest

from nact import (
    NOBODY,
    ActorRef,
    ActorStoppedError,
    Context,
    HandlerFailedError,
    MailboxFullError,
    QueryTimeoutError,
    dispatch,
    query,
    spawn,
    spawn_stateless,
    start,
    stop,
    stopped,
)

from .handlers import echo, fail, now, silent

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def router(parent: ActorRef[Any], *targets: ActorRef[Any]) -> ActorRef[Any]:
    """Passes everything on to each of them."""

    def route(msg: Any, ctx: Context[Any]) -> None:
        for target in targets:
            dispatch(target, msg, ctx.sender)

    return spawn_stateless(parent, route)


async def let_all_run(system: ActorRef[Any]) -> None:
    await query(spawn(system, echo), "let all run", 10)


async def failure(question: asyncio.Future[Any], kind: type[Exception] = ActorStoppedError) -> Exception:
    """What the question failed with. That took no time."""
    asked = now()
    with pytest.raises(kind) as caught:
        await question
    assert now() == asked
    return caught.value


async def test_a_question_that_waits_fails_with_its_actor() -> None:
    async with start(name="shop") as system:
        release = asyncio.Event()

        async def busy(state: Any, msg: Any, ctx: Context[Any]) -> None:
            await release.wait()

        target = spawn(system, busy, "till")
        dispatch(target, "work")
        question = query(router(system, target), "hello?", 3600)
        await let_all_run(system)
        stop(target)
        error = await failure(question)
        assert str(error) == "shop://till stopped before it answered"
        release.set()


async def test_a_question_that_was_handled_fails_with_its_actor() -> None:
    async with start() as system:
        target = spawn(system, silent)
        question = query(router(system, target), "hello?", 3600)
        await let_all_run(system)
        stop(target)
        await failure(question)


async def test_a_handler_that_crashes_fails_what_was_passed_on() -> None:
    async with start() as system:
        error = await failure(query(router(system, spawn(system, fail)), "fault", 3600))
        assert repr(error.__cause__) == "ValueError('fault')"


async def test_a_fault_that_does_not_stop_reaches_the_asker() -> None:
    async def fail_later(msg: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(0)
        raise ValueError(msg)

    async with start() as system:
        question = query(router(system, spawn_stateless(system, fail_later)), "fault", 3600)
        error = await failure(question, HandlerFailedError)
        assert repr(error.__cause__) == "ValueError('fault')"


async def test_passing_on_to_a_stopped_actor_fails_at_once() -> None:
    async with start(name="shop") as system:
        target = spawn(system, silent, "till")
        stop(target)
        error = await failure(query(router(system, target), "hello?", 3600))
        assert "shop://till has stopped or never existed" in str(error)
        assert system.dead_letters == 1


async def test_passing_on_several_times_follows_the_question() -> None:
    async with start() as system:
        last = spawn(system, silent)
        routers = [last]
        for _ in range(3):
            routers.append(router(system, routers[-1]))
        question = query(routers[-1], "hello?", 3600)
        await let_all_run(system)
        for passed in routers[1:]:
            stop(passed)
        await let_all_run(system)
        assert not question.done()
        stop(last)
        await failure(question)


async def test_the_end_of_a_chain_that_stops_fails_it() -> None:
    async with start() as system:
        last = spawn(system, silent)
        question = query(router(system, router(system, last)), "hello?", 3600)
        await let_all_run(system)
        stop(last)
        await failure(question)


async def test_a_router_that_fails_afterwards_is_no_holder() -> None:
    async def pass_on_and_fail(msg: ActorRef[Any], ctx: Context[Any]) -> None:
        dispatch(msg, "hello", ctx.sender)
        raise ValueError

    async def slow(state: Any, msg: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(5)
        dispatch(ctx.sender, msg)

    async with start() as system:
        passing = spawn_stateless(system, pass_on_and_fail)
        assert await query(passing, spawn(system, slow), 10) == "hello"


async def test_an_answer_comes_from_the_end_of_a_chain() -> None:
    async with start() as system:
        chain = router(system, router(system, router(system, spawn(system, echo))))
        assert await query(chain, "hello", 10) == "hello"
        assert system.dead_letters == 0


async def test_a_router_that_stops_takes_no_question_along() -> None:
    release = asyncio.Event()

    async def slow(state: Any, msg: Any, ctx: Context[Any]) -> None:
        await release.wait()
        dispatch(ctx.sender, msg)

    async with start() as system:
        passing = router(system, spawn(system, slow))
        question = query(passing, "hello", 3600)
        await let_all_run(system)
        stop(passing)
        release.set()
        assert await question == "hello"


async def test_of_several_the_last_one_that_stops_fails_it() -> None:
    async with start() as system:
        targets = [spawn(system, silent) for _ in range(3)]
        question = query(router(system, *targets), "hello?", 3600)
        await let_all_run(system)
        for target in targets[:-1]:
            stop(target)
        await let_all_run(system)
        assert not question.done()
        stop(targets[-1])
        await failure(question)


async def test_one_of_several_that_has_stopped_fails_nothing() -> None:
    async with start() as system:
        gone = spawn(system, silent)
        stop(gone)
        for targets in ((gone, spawn(system, echo)), (spawn(system, echo), gone)):
            assert await query(router(system, *targets), "hello", 3600) == "hello"
        quiet = spawn(system, silent)
        question = query(router(system, gone, quiet), "hello?", 3600)
        await let_all_run(system)
        await let_all_run(system)
        assert not question.done()
        stop(quiet)
        await failure(question)


async def test_a_full_mailbox_fails_what_was_passed_on() -> None:
    async with start() as system:
        target = spawn(system, silent, mailbox_limit=1)
        passing = router(system, target)
        dispatch(passing, "fills the mailbox")
        question = query(passing, "hello?", 3600)
        await failure(question, MailboxFullError)
        assert system.dead_letters == 1


async def test_a_question_passed_to_nobody_is_still_ones_own() -> None:
    async def ignore_and_answer(state: Any, msg: Any, ctx: Context[Any]) -> None:
        dispatch(NOBODY, msg, ctx.sender)
        await asyncio.sleep(5)
        dispatch(ctx.sender, "yes")

    async with start() as system:
        assert await query(spawn(system, ignore_and_answer), "?", 10) == "yes"


async def test_a_question_put_back_into_the_own_mailbox_is_kept() -> None:
    def twice(state: int, msg: Any, ctx: Context[Any]) -> int:
        dispatch(ctx.self if state < 1000 else ctx.sender, msg, ctx.sender)
        return state + 1

    async with start() as system:
        ref = spawn(system, twice, initial_state=0)
        assert await query(ref, "hello", 10) == "hello"
        assert not ref._target.queries  # type: ignore[union-attr]


async def test_what_was_answered_leaves_nothing_with_the_holders() -> None:
    async with start() as system:
        quiet = spawn(system, silent)
        assert await query(router(system, quiet, spawn(system, echo)), "hello", 10) == "hello"
        assert not quiet._target.queries  # type: ignore[union-attr]
        stop(quiet)
        assert system.dead_letters == 0


async def test_the_sender_of_a_passed_on_question_ends_with_it() -> None:
    senders: list[ActorRef[Any]] = []

    def answer(state: Any, msg: Any, ctx: Context[Any]) -> None:
        senders.append(ctx.sender)
        dispatch(ctx.sender, "yes")
        dispatch(ctx.sender, "no")

    async with start() as system:
        assert await query(router(system, spawn(system, answer)), "?", 10) == "yes"
        assert senders[0].is_stopped
        assert system.dead_letters == 1
        stop(senders[0])
        with pytest.raises(ActorStoppedError):
            spawn(senders[0], silent)


async def test_an_answer_with_a_question_as_sender_is_no_passing_on() -> None:
    async with start() as system:
        asking: list[ActorRef[Any]] = []

        def keep(state: Any, msg: Any, ctx: Context[Any]) -> None:
            asking.append(ctx.sender)

        async def answer(state: Any, msg: Any, ctx: Context[Any]) -> None:
            dispatch(asking[0], "for the first", ctx.sender)
            dispatch(asking[0], "once more", ctx.sender)
            await asyncio.sleep(5)
            dispatch(ctx.sender, "for the second")

        first = query(spawn(system, keep), "?", 10)
        await let_all_run(system)
        assert await query(spawn(system, answer), "?", 10) == "for the second"
        assert await first == "for the first"


# --- another system -------------------------------------------------------------------------------------------------


async def test_another_systems_actor_may_answer_or_stop() -> None:
    async with start() as system, start() as other:
        target = spawn(other, silent)
        assert await query(router(system, spawn(other, echo)), "hello", 10) == "hello"
        question = query(router(system, target), "hello?", 3600)
        await let_all_run(system)
        stop(target)
        await failure(question)


async def test_the_deadline_outlives_the_system_that_was_asked() -> None:
    async with start() as other:
        target = spawn(other, silent)
        async with start() as system:
            asked = now()
            question = query(router(system, target), "hello?", 60)
            await let_all_run(system)
        await stopped(system)
        with pytest.raises(QueryTimeoutError):
            await question
        assert now() - asked == pytest.approx(60, abs=0.02)


async def test_an_answer_from_another_system_calls_the_deadline_off() -> None:
    async with start() as system, start() as other:
        assert await query(router(system, spawn(other, echo)), "hello", 60) == "hello"
        await asyncio.sleep(120)  # a deadline that still stood would fail, since the answer was let go of
