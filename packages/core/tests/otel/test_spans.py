"""Spans: what has one, what it tells, and whose child it is."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import StatusCode

from nact import (
    ActorRef,
    ActorStoppedError,
    ActorSystem,
    Context,
    EngineUnavailableError,
    PersistentContext,
    QueryTimeoutError,
    SequenceConflictError,
    configure_persistence,
    dispatch,
    persistent_query,
    query,
    spawn,
    spawn_persistent,
    spawn_stateless,
    start,
    stop,
)
from nact.persistence import MemoryPersistenceEngine, PersistedEvent
from nact.supervision import resume_on_crash

from .telemetry import PATIENCE, FailingEngine, Telemetry, ask, collect, id_of, parent_of

pytestmark = pytest.mark.anyio

Asked = dict[str, Any]


async def write(engine: MemoryPersistenceEngine, *data: Any) -> None:
    """A journal, as an earlier run would have left it."""
    for number, item in enumerate(data, 1):
        await engine.persist(PersistedEvent(key="k", sequence_number=number, data=item))


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


# --- what has a span -------------------------------------------------------------------------------------------------


async def test_a_persist_tells_its_key_its_sequence_number_and_how_many() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine())) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=[])
        for msg in "ab":
            await ask(ref, msg)
    assert [dict(span.attributes or {}) for span in telemetry.spans("nact persist")] == [
        {"nact.persistence.key": "k", "nact.persistence.sequence_number": number, "nact.persistence.event_count": 1}
        for number in (1, 2)
    ]


async def test_a_batch_is_one_persist() -> None:
    async def several(state: None, msg: list[Any], ctx: PersistentContext[list[Any]]) -> None:
        if not ctx.recovering:
            await ctx.persist_all(msg)
            dispatch(ctx.sender, "done")

    telemetry = Telemetry()
    async with start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine())) as system:
        await ask(spawn_persistent(system, several, "k"), ["a", "b", "c"])
    assert dict(telemetry.span("nact persist").attributes or {}) == {
        "nact.persistence.key": "k",
        "nact.persistence.sequence_number": 1,
        "nact.persistence.event_count": 3,
    }


async def test_a_recovery_tells_from_which_snapshot_and_how_far() -> None:
    telemetry, engine = Telemetry(), MemoryPersistenceEngine()
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=[], snapshot_every=2)
        for msg in "abc":
            await ask(ref, msg)
    async with start(telemetry.plugin(), configure_persistence(engine)) as system:
        await ask(spawn_persistent(system, collect, "k", initial_state=[]), "d")
    assert dict(telemetry.span("nact recover").attributes or {}) == {
        "nact.persistence.key": "k",
        "nact.persistence.sequence_number": 3,
        "nact.persistence.snapshot_sequence_number": 2,
    }


async def test_a_snapshot_tells_its_key_and_its_sequence_number() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine())) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=[], snapshot_every=2)
        for msg in "ab":
            await ask(ref, msg)
    assert dict(telemetry.span("nact snapshot").attributes or {}) == {
        "nact.persistence.key": "k",
        "nact.persistence.sequence_number": 2,
    }


async def test_a_persistent_query_tells_what_it_read_and_its_snapshot() -> None:
    telemetry, engine = Telemetry(), MemoryPersistenceEngine()
    await write(engine, 1, 2, 3)
    async with start(telemetry.plugin(), configure_persistence(engine)) as system:
        total = persistent_query(
            system, lambda sum_, event: sum_ + event, "k", initial_state=0, snapshot_key="sum of k", snapshot_every=2
        )
        with telemetry.tracer.start_as_current_span("request") as request:
            assert await total() == 6
    read, snapshot = telemetry.span("nact read"), telemetry.span("nact snapshot")
    assert dict(read.attributes or {}) == {
        "nact.persistence.key": "k",
        "nact.persistence.sequence_number": 3,
        "nact.persistence.snapshot_sequence_number": 0,
    }
    assert dict(snapshot.attributes or {})["nact.persistence.key"] == "sum of k"
    assert parent_of(read) == parent_of(snapshot) == request.get_span_context().span_id


async def test_a_query_tells_whom_it_asked() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin(), name="shop") as system:
        await ask(spawn(system, tell_span, "till"))
    span = telemetry.span("nact query")
    assert dict(span.attributes or {}) == {"nact.actor.path": "shop://till"}
    assert span.status.status_code is StatusCode.UNSET


async def test_a_dispatched_message_has_no_span() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin()) as system:
        handled: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def handle(state: None, msg: str, ctx: Context[str]) -> None:
            handled.set_result(trace.get_current_span().get_span_context().span_id)

        with telemetry.tracer.start_as_current_span("request"):
            dispatch(spawn(system, handle), "hello")
        assert await handled == 0
    assert not telemetry.spans("nact query")


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [SequenceConflictError("k", 1, 7), EngineUnavailableError("gone", outcome_known=True), asyncio.CancelledError()],
    ids=lambda error: type(error).__name__,
)
async def test_a_persist_that_fails_tells_why_and_nothing_of_the_error_s_text(error: BaseException) -> None:
    telemetry, engine = Telemetry(), FailingEngine()
    engine.write_error = error
    async with start(telemetry.plugin(), configure_persistence(engine)) as system:
        with pytest.raises(ActorStoppedError):
            await ask(spawn_persistent(system, collect, "k", initial_state=[]))
    span = telemetry.span("nact persist")
    assert (span.attributes or {})["error.type"] == type(error).__name__
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())


async def test_a_recovery_that_fails_tells_why() -> None:
    telemetry, engine = Telemetry(), FailingEngine()
    engine.read_error = EngineUnavailableError("gone", outcome_known=True)
    async with start(telemetry.plugin(), configure_persistence(engine)) as system:
        with pytest.raises(ActorStoppedError):
            await ask(spawn_persistent(system, collect, "k", initial_state=[]))
    span = telemetry.span("nact recover")
    assert (span.attributes or {})["error.type"] == "EngineUnavailableError"
    assert span.status.status_code is StatusCode.ERROR


async def test_a_snapshot_that_fails_tells_why() -> None:
    telemetry, engine = Telemetry(), FailingEngine()
    engine.snapshot_error = EngineUnavailableError("gone", outcome_known=True)
    async with start(telemetry.plugin(), configure_persistence(engine)) as system:
        await ask(spawn_persistent(system, collect, "k", initial_state=[], snapshot_every=1))
    assert (telemetry.span("nact snapshot").attributes or {})["error.type"] == "EngineUnavailableError"


def ignore(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    return state


async def test_a_query_that_nobody_answers_in_time_failed() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin()) as system:
        with pytest.raises(QueryTimeoutError):
            await query(spawn(system, ignore), "hello", 0.01)
    assert (telemetry.span("nact query").attributes or {})["error.type"] == "QueryTimeoutError"


async def test_a_query_failed_if_the_actor_stops_before_it_answers() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin()) as system:
        answer = query(ref := spawn(system, ignore), "hello", PATIENCE)
        stop(ref)
        with pytest.raises(ActorStoppedError):
            await answer
    assert (telemetry.span("nact query").attributes or {})["error.type"] == "ActorStoppedError"


async def test_a_query_whose_asker_gave_up_ends_too() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin()) as system:
        answer = query(spawn(system, ignore), "hello", PATIENCE)
        answer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answer
    assert (telemetry.span("nact query").attributes or {})["error.type"] == "CancelledError"


# --- whose child -----------------------------------------------------------------------------------------------------


async def test_what_is_persisted_for_a_question_is_the_query_s_child_and_that_is_the_asker_s() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine())) as system:
        ref = spawn_persistent(system, collect, "k", initial_state=[])
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

    async def answer_first(state: Any, msg: Any, ctx: PersistentContext[Any]) -> None:
        if not ctx.recovering:
            dispatch(ctx.sender, "yes")
            await gate.wait()
            await ctx.persist(msg)

    async with start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine())) as system:
        await ask(spawn_persistent(system, answer_first, "k"))
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


@pytest.mark.parametrize("handler", [tell_span, tell_span_later, begin_to_tell])
async def test_a_question_that_fails_leaves_none_behind_either(handler: Any) -> None:
    async def fail_later() -> None:
        raise ValueError

    def fail(state: Any, msg: Any, ctx: Context[Any]) -> Any:
        if msg != "fail":
            return handler(state, msg, ctx)
        if handler is begin_to_tell:
            return fail_later()
        raise ValueError

    async with start(Telemetry().plugin()) as system:
        ref = spawn(system, fail, initial_state="s", on_crash=resume_on_crash)
        with pytest.raises(QueryTimeoutError):
            await query(ref, "fail", 0.01)
        assert await next_span(ref, system) == 0


async def test_a_state_that_could_be_awaited_stays_one() -> None:
    telemetry = Telemetry()
    state = asyncio.get_running_loop().create_future()

    def keep(state: Any, msg: Any, ctx: Context[Any]) -> Any:
        dispatch(ctx.sender, "kept")
        return state

    async with start(telemetry.plugin()) as system:
        assert await ask(spawn(system, keep, initial_state=state)) == "kept"


async def test_the_span_in_which_the_system_was_started_is_nobody_s_parent() -> None:
    telemetry = Telemetry()
    persisted = asyncio.Event()

    async def persist(state: Any, msg: Any, ctx: PersistentContext[Any]) -> None:
        if not ctx.recovering:
            await ctx.persist(msg)
            persisted.set()

    with telemetry.tracer.start_as_current_span("startup"):
        system = start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine()))
    async with system:
        dispatch(spawn_persistent(system, persist, "k"), "hello")
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
