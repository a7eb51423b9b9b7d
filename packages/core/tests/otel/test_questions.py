"""The parents of spans: work for a question is a child of the query, which is a child of the asker's span."""

import asyncio
import gc
from collections.abc import Awaitable
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach

from nact import (
    ActorRef,
    ActorStoppedError,
    ActorSystem,
    Context,
    HandlerFailedError,
    PersistentContext,
    configure_persistence,
    dispatch,
    query,
    spawn,
    spawn_persistent,
    spawn_stateless,
    start,
)
from nact.persistence import MemoryPersistenceEngine
from nact.supervision import resume_on_crash

from .telemetry import PATIENCE, Telemetry, ask, collect, id_of, parent_of

pytestmark = pytest.mark.anyio


def tell_span(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    """Answers with the id of the span that is current in a handler; 0 for none."""
    dispatch(ctx.sender, trace.get_current_span().get_span_context().span_id)
    return state


async def tell_span_later(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    await asyncio.sleep(0)
    return tell_span(state, msg, ctx)


class TellSpanLater:
    """A handler that is an object."""

    async def __call__(self, state: Any, msg: Any, ctx: Context[Any]) -> Any:
        return await tell_span_later(state, msg, ctx)


def begin_to_tell(state: Any, msg: Any, ctx: Context[Any]) -> Awaitable[Any]:
    """Isn't async, and returns what has to be awaited."""
    return tell_span_later(state, msg, ctx)


async def test_what_is_persisted_for_a_question_is_the_query_s_child_and_that_is_the_asker_s() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine())) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[])
        with telemetry.tracer.start_as_current_span("request") as request:
            await ask(ref)
    question = telemetry.span("nact query")
    assert parent_of(question) == request.get_span_context().span_id
    assert parent_of(telemetry.span("nact persist")) == id_of(question)


@pytest.mark.parametrize("handler", [tell_span, tell_span_later, TellSpanLater(), begin_to_tell])
async def test_the_handler_of_a_question_runs_within_it(handler: Any) -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin()) as system:
        current = await ask(spawn(system, handler, initial_state="s"))
    assert current == id_of(telemetry.span("nact query"))


@pytest.mark.parametrize("handler", [tell_span, tell_span_later])
async def test_the_handler_of_a_stateless_actor_does_too(handler: Any) -> None:
    def stateless(msg: Any, ctx: Context[Any]) -> Any:
        return handler(None, msg, ctx)

    telemetry = Telemetry()
    async with start(telemetry.plugin()) as system:
        current = await ask(spawn_stateless(system, stateless))
    assert current == id_of(telemetry.span("nact query"))


async def test_questions_in_the_course_of_a_question_are_its_children() -> None:
    telemetry = Telemetry()

    async def ask_below(state: Any, msg: ActorRef[Any], ctx: Context[Any]) -> Any:
        dispatch(ctx.sender, await ask(msg))

    async with start(telemetry.plugin()) as system:
        await ask(spawn(system, ask_below), spawn(system, tell_span))
    inner, outer = telemetry.spans("nact query")
    assert parent_of(inner) == id_of(outer)


async def test_a_question_that_is_forwarded_is_handled_within_it() -> None:
    telemetry = Telemetry()

    def forward(state: Any, msg: ActorRef[Any], ctx: Context[Any]) -> None:
        dispatch(msg, "hello", ctx.sender)

    async with start(telemetry.plugin()) as system:
        current = await ask(spawn(system, forward), spawn(system, tell_span))
    assert current == id_of(telemetry.span("nact query"))


async def test_what_goes_on_after_the_answer_is_still_the_query_s() -> None:
    telemetry = Telemetry()
    gate: asyncio.Event = asyncio.Event()

    async def answer_first(state: Any, msg: Any, ctx: PersistentContext[Any, Any]) -> None:
        if not ctx.recovering:
            dispatch(ctx.sender, "yes")
            await gate.wait()
            await ctx.persist(msg)

    async with start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine())) as system:
        await ask(spawn_persistent(system, answer_first, key="k"))
        gate.set()
    assert parent_of(telemetry.span("nact persist")) == id_of(telemetry.span("nact query"))


async def next_span(ref: ActorRef[Any], system: ActorSystem) -> int:
    """The span in which the actor handles a message that is no question."""
    spans: asyncio.Queue[int] = asyncio.Queue()

    def listen(state: None, msg: int, ctx: Context[int]) -> None:
        spans.put_nowait(msg)

    dispatch(ref, "hello", spawn(system, listen))
    return await asyncio.wait_for(spans.get(), PATIENCE)


@pytest.mark.parametrize("handler", [tell_span, tell_span_later, begin_to_tell])
async def test_a_question_leaves_no_span_behind_for_the_next_message(handler: Any) -> None:
    async with start(Telemetry().plugin()) as system:
        ref = spawn(system, handler, initial_state="s")
        await ask(ref)
        assert await next_span(ref, system) == 0


def fail_or_tell(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    if msg == "fail":
        raise ValueError
    return tell_span(state, msg, ctx)


async def fail_or_tell_later(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    await asyncio.sleep(0)
    return fail_or_tell(state, msg, ctx)


def begin_to_fail_or_tell(state: Any, msg: Any, ctx: Context[Any]) -> Awaitable[Any]:
    return fail_or_tell_later(state, msg, ctx)


@pytest.mark.parametrize("handler", [fail_or_tell, fail_or_tell_later, begin_to_fail_or_tell])
async def test_a_question_that_fails_leaves_none_behind_either(handler: Any) -> None:
    async with start(Telemetry().plugin()) as system:
        ref = spawn(system, handler, initial_state="s", on_crash=resume_on_crash)
        with pytest.raises(HandlerFailedError):
            await query(ref, "fail", PATIENCE)
        assert await next_span(ref, system) == 0


async def test_a_state_that_could_be_awaited_stays_one() -> None:
    telemetry = Telemetry()
    state = asyncio.get_running_loop().create_future()

    def keep(state: Any, msg: Any, ctx: Context[Any]) -> Any:
        dispatch(ctx.sender, "kept")
        return state

    async with start(telemetry.plugin(), stop_timeout=0.01) as system:
        ref = spawn(system, keep, initial_state=state)
        assert [await ask(ref), await ask(ref)] == ["kept", "kept"]


async def test_the_span_in_which_the_system_was_started_is_nobody_s_parent() -> None:
    telemetry = Telemetry()
    persisted = asyncio.Event()

    async def persist(state: Any, msg: Any, ctx: PersistentContext[Any, Any]) -> None:
        if not ctx.recovering:
            await ctx.persist(msg)
            persisted.set()

    with telemetry.tracer.start_as_current_span("startup"):
        system = start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine()))
    async with system:
        dispatch(spawn_persistent(system, persist, key="k"), "hello")
        await persisted.wait()
    assert [parent_of(telemetry.span(name)) for name in ("nact recover", "nact persist")] == [None, None]


async def test_the_asker_s_baggage_comes_along() -> None:
    def tell_baggage(state: Any, msg: Any, ctx: Context[Any]) -> None:
        dispatch(ctx.sender, baggage.get_baggage("user"))

    async with start(Telemetry().plugin()) as system:
        token = attach(baggage.set_baggage("user", "ada"))
        try:
            assert await ask(spawn(system, tell_baggage)) == "ada"
        finally:
            detach(token)


async def test_what_is_forwarded_after_the_answer_is_handled_within_the_query() -> None:
    telemetry = Telemetry()
    current: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def take_over(state: Any, msg: Any, ctx: Context[Any]) -> None:
        current.set_result(trace.get_current_span().get_span_context().span_id)

    async def answer_and_forward(state: Any, msg: ActorRef[Any], ctx: Context[Any]) -> None:
        dispatch(ctx.sender, "yes")
        await asyncio.sleep(0.01)
        dispatch(msg, "hello", ctx.sender)

    async with start(telemetry.plugin()) as system:
        await ask(spawn(system, answer_and_forward), spawn(system, take_over))
        assert await asyncio.wait_for(current, PATIENCE) == id_of(telemetry.span("nact query"))


async def unreachable(msg: Any, ctx: Context[Any]) -> None:
    raise AssertionError("it began")


class Unreachable:
    async def __call__(self, msg: Any, ctx: Context[Any]) -> None:
        await unreachable(msg, ctx)


@pytest.mark.parametrize("handler", [unreachable, Unreachable()])
async def test_a_handler_that_is_interrupted_before_it_begins_leaves_nothing_behind(handler: Any) -> None:
    async with start(Telemetry().plugin()) as system:
        answer = query(spawn_stateless(system, handler), "hello", PATIENCE)
        await asyncio.sleep(0)  # the message is begun, in a task
        system._runtime.scheduler.interrupt()
    with pytest.raises(ActorStoppedError):
        await answer
    gc.collect()  # a coroutine that was never awaited would say so now


async def test_a_question_that_cannot_be_made_ends_its_span() -> None:
    def refuse(_: ActorRef[Any]) -> Any:
        raise ValueError("not today")

    telemetry = Telemetry()
    async with start(telemetry.plugin()) as system:
        actor = spawn(system, tell_span)
        with pytest.raises(ValueError, match="not today"):
            _ = query(actor, make=refuse, timeout=PATIENCE)
        await ask(actor)
    assert len(telemetry.spans("nact query")) == 2


async def test_a_question_that_is_passed_on_twice_is_handled_within_it() -> None:
    telemetry = Telemetry()

    async with start(telemetry.plugin()) as system:
        last = spawn(system, tell_span)
        second: ActorRef[str] = spawn_stateless(system, lambda msg, ctx: dispatch(last, msg, ctx.sender))
        first: ActorRef[str] = spawn_stateless(system, lambda msg, ctx: dispatch(second, msg, ctx.sender))
        current = await ask(first)
    assert current == id_of(telemetry.span("nact query"))
