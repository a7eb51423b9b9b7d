"""The default policy of persistent actors: outages of the storage are waited out, other faults stop."""

import asyncio
from typing import Any

import pytest

from nact import (
    ActorStoppedError,
    CorruptJournalError,
    EngineUnavailableError,
    LogRecord,
    PersistentContext,
    configure_logging,
    configure_persistence,
    dispatch,
    query,
    spawn_persistent,
    start,
)
from nact.persistence._actor.outages import LONGEST_DELAY, Outage, transient_cause
from nact.persistence.actor import persistence_of
from nact.persistence.building.errors import engine_unavailable

from .doubles import RiggedEngine, ask, collect, contents, write

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def gone(*, outcome_known: bool = True) -> EngineUnavailableError:
    return engine_unavailable("gone", outcome_known=outcome_known)


@pytest.mark.parametrize("was_stored", [False, True])
@pytest.mark.parametrize("outcome_known", [False, True])
async def test_an_outage_is_waited_out_and_messages_wait(*, was_stored: bool, outcome_known: bool) -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[])
        await ask(ref, "a")
        engine.fail_write(gone(outcome_known=outcome_known), stored=was_stored and not outcome_known)
        engine.read_faults.extend(gone() for _ in range(8))
        dispatch(ref, "b")
        expected = ["a", "b", "c"] if was_stored and not outcome_known else ["a", "c"]
        assert await query(ref, "c", 300) == expected
        assert await contents(engine, "k") == list(enumerate(expected, 1))


async def test_stop_ends_the_wait_at_once() -> None:
    engine = RiggedEngine()
    engine.read_faults.extend(gone() for _ in range(12))
    loop = asyncio.get_running_loop()
    async with start(configure_persistence(engine)) as system:
        spawn_persistent(system, collect, key="k", initial_state=[])
        for _ in range(6):
            await engine.before_read.arrival()
        await asyncio.sleep(0.001)
        began = loop.time()
    assert loop.time() == began


@pytest.mark.parametrize("error", [OSError("broken pipe"), CorruptJournalError("damaged", "k", 1)], ids=repr)
async def test_a_fault_that_isnt_transient_stops_the_actor(error: Exception) -> None:
    engine = RiggedEngine()
    engine.read_faults.append(error)
    async with start(configure_persistence(engine)) as system:
        with pytest.raises(ActorStoppedError):
            await ask(spawn_persistent(system, collect, key="k", initial_state=[]))


async def test_an_error_that_was_raised_from_an_outage_is_one() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        try:
            return await collect(state, msg, ctx)
        except EngineUnavailableError as error:
            raise ValueError("not now") from error

    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[])
        await ask(ref, "a")
        engine.fail_write(gone())
        dispatch(ref, "b")
        assert await ask(ref, "c") == ["a", "c"]


async def test_each_attempt_is_logged_with_its_delay(records: list[LogRecord]) -> None:
    engine = RiggedEngine()
    engine.read_faults.extend([gone(), gone()])
    async with start(configure_logging(records.append), configure_persistence(engine), name="shop") as system:
        assert await ask(spawn_persistent(system, collect, key="k", name="till", initial_state=[]), "a") == ["a"]
    texts = [record.text for record in records]
    assert [text.split(", ", 1)[1] for text in texts] == [
        f"attempt {n}: its storage can't be reached: gone (nothing was stored)" for n in (1, 2)
    ]
    assert all(text.startswith("recovers in 0.") for text in texts)


async def test_a_persist_that_the_handler_gives_up_doesnt_stop_it() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if msg == "hurry" and not ctx.recovering:
            async with asyncio.timeout(0.01):
                await ctx.persist(msg)
        return await collect(state, msg, ctx) if msg != "hurry" else [*state, msg]

    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[])
        await ask(ref, "a")
        engine.before_acknowledgement.shut()
        dispatch(ref, "hurry")
        await engine.before_acknowledgement.arrival()
        await asyncio.sleep(0.02)
        engine.before_acknowledgement.open()
        assert await ask(ref, "b") == ["a", "hurry", "b"]


def test_delays_grow_with_jitter_up_to_the_longest() -> None:
    outage = Outage()
    delays = [outage.next_delay(7, 0.0) for _ in range(40)]
    assert 0.05 <= delays[0] <= 0.1
    assert all(LONGEST_DELAY / 2 <= delay <= LONGEST_DELAY for delay in delays[10:])
    assert len(set(delays)) == len(delays)


def test_a_persist_between_two_faults_ends_the_outage() -> None:
    outage = Outage()
    for number, attempt in ((7, 1), (7, 2), (8, 1)):
        outage.next_delay(number, 0.0)
        assert outage.attempts == attempt
    outage.next_delay(8, 1_000_000.0)
    assert outage.attempts == 1


def test_an_outage_in_a_group_is_found_and_a_lone_cancel_isnt() -> None:
    outage, cancelled = gone(), asyncio.CancelledError()
    assert transient_cause(ExceptionGroup("several", [ValueError(), outage]), None) is outage
    assert transient_cause(ValueError(), outage) is None
    timeout = TimeoutError()
    timeout.__cause__ = cancelled
    assert transient_cause(timeout, None) is None
    assert transient_cause(timeout, asyncio.CancelledError()) is cancelled


async def test_recoveries_that_wait_for_user_code_lend_their_place() -> None:
    async def asks(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        return [*state, await ask(last)] if ctx.recovering else await collect(state, msg, ctx)

    engine = RiggedEngine()
    for key in ("0", "1", "2", "last"):
        await write(engine, key, "a")
    async with start(configure_persistence(engine, max_recoveries=2)) as system:
        refs = [spawn_persistent(system, asks, key=str(n), initial_state=[]) for n in range(3)]
        last = spawn_persistent(system, collect, key="last", initial_state=[])
        assert [await ask(ref) for ref in refs] == [[["a"]]] * 3
        slots = persistence_of(system).recoveries
        assert slots._value == 2
