"""Spans: what has one, and what it tells."""

import asyncio
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from nact import (
    ActorStoppedError,
    Context,
    Decision,
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
    start,
    stop,
)
from nact.persistence import MemoryPersistenceEngine, PersistedEvent

from .telemetry import PATIENCE, FailingEngine, Telemetry, ask, collect, echo, parent_of

pytestmark = pytest.mark.anyio


async def write(engine: MemoryPersistenceEngine, *data: Any) -> None:
    """A journal, as an earlier run would have left it."""
    for number, item in enumerate(data, 1):
        await engine.persist(PersistedEvent(key="k", sequence_number=number, data=item))


# --- what has a span -------------------------------------------------------------------------------------------------


async def test_a_persist_tells_its_key_its_sequence_number_and_how_many() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine())) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[])
        for msg in "ab":
            await ask(ref, msg)
    assert [dict(span.attributes or {}) for span in telemetry.spans("nact persist")] == [
        {"nact.persistence.key": "k", "nact.persistence.sequence_number": number, "nact.persistence.event_count": 1}
        for number in (1, 2)
    ]


async def test_a_batch_is_one_persist() -> None:
    async def several(state: None, msg: list[Any], ctx: PersistentContext[list[Any], list[Any]]) -> None:
        if not ctx.recovering:
            await ctx.persist_all(msg)
            dispatch(ctx.sender, "done")

    telemetry = Telemetry()
    async with start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine())) as system:
        await ask(spawn_persistent(system, several, key="k"), ["a", "b", "c"])
    assert dict(telemetry.span("nact persist").attributes or {}) == {
        "nact.persistence.key": "k",
        "nact.persistence.sequence_number": 1,
        "nact.persistence.event_count": 3,
    }


async def test_a_recovery_tells_from_which_snapshot_and_how_far() -> None:
    telemetry, engine = Telemetry(), MemoryPersistenceEngine()
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=2)
        for msg in "abc":
            await ask(ref, msg)
    async with start(telemetry.plugin(), configure_persistence(engine)) as system:
        await ask(spawn_persistent(system, collect, key="k", initial_state=[]), "d")
    assert dict(telemetry.span("nact recover").attributes or {}) == {
        "nact.persistence.key": "k",
        "nact.persistence.sequence_number": 3,
        "nact.persistence.snapshot_sequence_number": 2,
    }


async def test_a_snapshot_tells_its_key_and_its_sequence_number() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine())) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=2)
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
            system,
            lambda sum_, event: sum_ + event,
            key="k",
            initial_state=0,
            snapshot_key="sum of k",
            snapshot_every=2,
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
        await ask(spawn(system, echo, "till"))
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
    [SequenceConflictError("k", 1, 7), EngineUnavailableError("gone"), asyncio.CancelledError()],
    ids=lambda error: type(error).__name__,
)
async def test_a_persist_that_fails_tells_why_and_nothing_of_the_error_s_text(error: BaseException) -> None:
    telemetry, engine = Telemetry(), FailingEngine()
    engine.write_error = error
    async with start(telemetry.plugin(), configure_persistence(engine)) as system:
        with pytest.raises(ActorStoppedError):
            await ask(spawn_persistent(system, collect, key="k", initial_state=[], on_crash=lambda *_: Decision.STOP))
    span = telemetry.span("nact persist")
    assert (span.attributes or {})["error.type"] == type(error).__name__
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())


async def test_a_recovery_that_fails_tells_why() -> None:
    telemetry, engine = Telemetry(), FailingEngine()
    engine.read_error = EngineUnavailableError("gone")
    async with start(telemetry.plugin(), configure_persistence(engine)) as system:
        with pytest.raises(ActorStoppedError):
            await ask(spawn_persistent(system, collect, key="k", initial_state=[], on_crash=lambda *_: Decision.STOP))
    span = telemetry.span("nact recover")
    assert (span.attributes or {})["error.type"] == "EngineUnavailableError"
    assert span.status.status_code is StatusCode.ERROR


async def test_a_snapshot_that_fails_tells_why() -> None:
    telemetry, engine = Telemetry(), FailingEngine()
    engine.snapshot_error = EngineUnavailableError("gone")
    async with start(telemetry.plugin(), configure_persistence(engine)) as system:
        await ask(spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=1))
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
