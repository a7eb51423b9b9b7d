"""`query`: the answer, or an error with the reason."""

import asyncio
import gc
import weakref
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from nact import (
    NOBODY,
    ActorRef,
    ActorStoppedError,
    Context,
    QueryTimeoutError,
    dispatch,
    milliseconds,
    query,
    spawn,
    start,
    stop,
)

from .handlers import echo, silent

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


async def test_a_query_returns_the_first_message_sent_to_its_sender() -> None:
    def answer_twice(state: Any, msg: str, ctx: Context[str]) -> None:
        dispatch(ctx.sender, f"{msg} yes")
        dispatch(ctx.sender, f"{msg} no")

    async with start() as system:
        assert await query(spawn(system, answer_twice), "well?", 10) == "well? yes"
        assert system.dead_letters == 1


async def test_a_query_is_sent_at_once_and_not_when_it_is_awaited() -> None:
    async with start() as system:
        ref = spawn(system, echo)
        early = query(ref, "early", 10)
        late = query(ref, "late", 10)
        assert await late == "late"
        assert early.done()
        assert early.result() == "early"


async def test_the_answer_may_come_from_another_actor() -> None:
    async with start() as system:
        office = spawn(system, echo)
        counter: ActorRef[str] = spawn(system, lambda state, msg, ctx: dispatch(office, msg, ctx.sender))
        assert await query(counter, "form 1a", 10) == "form 1a"


async def test_the_question_can_be_made_from_the_reference_to_answer_to() -> None:
    class Question(NamedTuple):
        text: str
        reply_to: ActorRef[str]

    def answer(state: Any, msg: Question, ctx: Context[Question]) -> None:
        assert ctx.sender is msg.reply_to
        dispatch(msg.reply_to, f"{msg.text} yes")

    async with start() as system:
        ref = spawn(system, answer)

        def question(reply_to: ActorRef[str]) -> Question:
            return Question("well?", reply_to)

        assert await query(ref, make=question, timeout=10) == "well? yes"


@pytest.mark.parametrize("msg", [print, str, lambda reply_to: "made"], ids=["function", "class", "lambda"])
async def test_a_message_that_can_be_called_is_sent_as_it_is(msg: Any) -> None:
    async with start() as system:
        assert await query(spawn(system, echo), msg, 10) is msg


@pytest.mark.parametrize("arguments", [{}, {"msg": None, "make": str}], ids=["neither", "both"])
async def test_a_question_is_given_or_made(arguments: Any) -> None:
    async with start() as system:
        with pytest.raises(TypeError, match="make="):
            _ = query(spawn(system, echo), timeout=10, **arguments)


async def test_a_question_that_cannot_be_made_leaves_nothing_behind() -> None:
    asked: list[ActorRef[Any]] = []

    def no_question(reply_to: ActorRef[Any]) -> Any:
        asked.append(reply_to)
        raise ValueError("what was it?")

    async with start() as system:
        ref = spawn(system, silent)
        with pytest.raises(ValueError, match="what was it"):
            _ = query(ref, make=no_question, timeout=3600)
        assert asked[0].is_stopped


@pytest.mark.parametrize("timeout", [5, 0.5, timedelta(milliseconds=20), 1 * milliseconds], ids=repr)
async def test_a_query_without_an_answer_fails_after_its_timeout(timeout: Any) -> None:
    async with start(name="shop") as system:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        with pytest.raises(QueryTimeoutError, match="shop://till didn't answer within"):
            await query(spawn(system, silent, "till"), "hello?", timeout)
        wait = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        assert wait <= loop.time() - asked <= wait + 0.0101


async def test_a_timeout_of_a_month_is_a_month() -> None:
    async with start() as system:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        with pytest.raises(QueryTimeoutError):
            await query(spawn(system, silent), "hello?", timedelta(days=30))
        assert loop.time() - asked == pytest.approx(30 * 86400)


async def test_an_answer_that_comes_too_late_is_a_dead_letter() -> None:
    release = asyncio.Event()

    async def slow(state: Any, msg: str, ctx: Context[str]) -> None:
        await release.wait()
        dispatch(ctx.sender, "at last")

    async with start() as system:
        ref = spawn(system, slow)
        with pytest.raises(QueryTimeoutError):
            await query(ref, "hello?", 1)
        release.set()
        await query(spawn(system, echo), "let all run", 10)
        assert system.dead_letters == 1


async def test_the_time_spent_in_the_mailbox_counts() -> None:
    release = asyncio.Event()

    async def slow(state: Any, msg: str, ctx: Context[str]) -> None:
        await release.wait()

    async with start() as system:
        ref = spawn(system, slow)
        dispatch(ref, "first")
        with pytest.raises(QueryTimeoutError):
            await query(ref, "second", 1)
        release.set()


async def test_a_query_to_a_stopped_actor_fails_at_once() -> None:
    async with start(name="shop") as system:
        ref = spawn(system, echo, "till")
        stop(ref)
        answer = query(ref, "hello?", 3600)
        assert answer.done()
        with pytest.raises(ActorStoppedError, match="shop://till has stopped or never existed"):
            await answer


async def test_a_query_to_nobody_or_to_the_system_fails_at_once() -> None:
    async with start() as system:
        for ref in (NOBODY, system):
            with pytest.raises(ActorStoppedError):
                await query(ref, "hello?", 3600)


async def test_a_query_fails_when_the_actor_stops_while_the_question_waits() -> None:
    async with start(name="shop") as system:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        ref = spawn(system, echo, "till")
        answer = query(ref, "hello?", 3600)
        stop(ref)
        with pytest.raises(ActorStoppedError, match="shop://till stopped before it answered"):
            await answer
        assert loop.time() == asked


async def test_a_query_fails_when_the_actor_stops_after_it_handled_the_question() -> None:
    async with start() as system:
        ref = spawn(system, silent)
        answer = query(ref, "hello?", 3600)
        await query(spawn(system, echo), "let all run", 10)
        stop(ref)
        with pytest.raises(ActorStoppedError):
            await answer


async def test_a_query_that_is_cancelled_drops_its_answer() -> None:
    async with start() as system:
        ref = spawn(system, echo)
        answer = query(ref, "hello?", 10)
        answer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answer
        assert await query(ref, "and now?", 10) == "and now?"
        assert system.dead_letters == 1


async def test_a_query_that_is_cancelled_says_nothing_when_its_time_is_over() -> None:
    async with start() as system:
        ref = spawn(system, silent)
        answer = query(ref, "hello?", 1)
        answer.cancel()
        await asyncio.sleep(2)
        assert answer.cancelled()


async def test_actors_can_query_each_other() -> None:
    async with start() as system:
        oracle = spawn(system, echo)

        async def ask_around(state: Any, msg: str, ctx: Context[str]) -> None:
            dispatch(ctx.sender, await query(oracle, msg, 10))

        assert await query(spawn(system, ask_around), "why?", 20) == "why?"


async def test_an_actor_that_queries_itself_times_out() -> None:
    async def ask_itself(state: Any, msg: Any, ctx: Context[Any]) -> None:
        if msg == "inner":
            return
        with pytest.raises(QueryTimeoutError):
            await query(ctx.self, "inner", 1)
        dispatch(ctx.sender, "silly me")

    async with start() as system:
        assert await query(spawn(system, ask_itself), "outer", 10) == "silly me"


async def test_an_idle_actor_does_not_hold_the_answer_that_it_gave() -> None:
    class Report:
        pass

    async with start() as system:
        ref: ActorRef[str] = spawn(system, lambda state, msg, ctx: dispatch(ctx.sender, Report()))
        report = weakref.ref(await query(ref, "report", 10))
        await query(spawn(system, echo), "let the loop forget it", 10)
        gc.collect()
        assert report() is None


@pytest.mark.parametrize("ref", [None, "shop://till", 5])
async def test_a_query_refuses_what_is_no_reference(ref: Any) -> None:
    with pytest.raises(TypeError, match="ref must be an ActorRef") as caught:
        _ = query(ref, "hello", 10)
    assert repr(ref) in str(caught.value)


@pytest.mark.parametrize(
    ("timeout", "error"),
    [("5", TypeError), (None, TypeError), (True, TypeError), (0, ValueError), (-2.5, ValueError)],
)
async def test_a_query_refuses_a_timeout_that_is_no_duration(timeout: Any, error: type[Exception]) -> None:
    handled: list[str] = []
    async with start() as system:
        ref: ActorRef[str] = spawn(system, lambda state, msg, ctx: handled.append(msg))
        with pytest.raises(error, match="timeout must be") as caught:
            _ = query(ref, "hello", timeout)
        assert repr(timeout) in str(caught.value)
        await query(spawn(system, echo), "let all run", 10)
    assert handled == []
