"""`apply=`: events are folded, and the handler sees messages only."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from nact import (
    ActorStoppedError,
    CorruptJournalError,
    Decision,
    FunctionCodec,
    PersistentContext,
    TypedCodec,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
    stop,
    stopped,
)
from nact._actor.life import initial_state_of
from nact.persistence import PersistedEvent
from nact.persistence._actor.reading import Start
from nact.persistence._actor.recovery import fold_state
from nact.persistence._actor.recovery_slots import RecoverySlot
from nact.persistence.actor import persistence_of

from .doubles import PATIENCE, Judge, RiggedEngine, ask, contents, same, write

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Withdraw:
    amount: int


@dataclass(frozen=True)
class Withdrawn:
    amount: int


EVENTS: TypedCodec[Withdrawn] = TypedCodec(Withdrawn)


def evolve(balance: int, event: Withdrawn) -> int:
    return balance - event.amount


handled: list[object] = []


async def account(balance: int, msg: Withdraw, ctx: PersistentContext[Withdraw, Withdrawn]) -> int:
    """A handler that would fail in a replay: it knows commands, and asks nothing about recovering."""
    handled.append(msg)
    assert not ctx.recovering
    if msg.amount > balance:
        dispatch(ctx.sender, ("refused", balance))
        return balance
    stored = await ctx.persist(Withdrawn(msg.amount))
    balance = evolve(balance, stored.data)  # as it was given, though it is stored encoded
    dispatch(ctx.sender, ("done", balance))
    return balance


async def lived(engine: RiggedEngine, *amounts: int, **options: Any) -> list[Any]:
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, account, key="k", initial_state=100, apply=evolve, codec=EVENTS, **options)
        return [await ask(ref, Withdraw(amount)) for amount in amounts]


async def test_recovery_folds_events_and_the_handler_sees_none() -> None:
    engine = RiggedEngine()
    assert await lived(engine, 30, 80, 20) == [("done", 70), ("refused", 70), ("done", 50)]
    assert await lived(engine, 60, 50) == [("refused", 50), ("done", 0)]


async def test_events_after_a_snapshot_are_folded_into_it() -> None:
    engine = RiggedEngine()
    await lived(engine, 10, 10, 10, snapshot_every=2)
    assert await lived(engine, 0) == [("done", 70)]
    snapshot = await engine.latest_snapshot("k")
    assert snapshot is not None
    assert (snapshot.sequence_number, snapshot.data) == (2, 80)


async def test_an_event_that_apply_refuses_is_a_corrupt_journal() -> None:
    engine, judge = RiggedEngine(), Judge(Decision.STOP)
    await write(engine, "k", 1, "two", 3)

    def add(total: int, event: int) -> int:
        return total + event

    async def handler(total: int, msg: Any, ctx: PersistentContext[Any, int]) -> int:
        return total

    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=0, apply=add, on_crash=judge)
        with pytest.raises(ActorStoppedError):
            await ask(ref)
        _, error = await judge.fault()
    assert isinstance(error, CorruptJournalError)
    assert (error.key, error.sequence_number) == ("k", 2)
    assert "apply refuses it: TypeError" in str(error)


async def test_each_recovery_begins_with_a_fresh_initial_state() -> None:
    made: list[list[int]] = []

    def initial_state(ctx: PersistentContext[Any, int]) -> list[int]:
        made.append([])
        return made[-1]

    def append(state: list[int], event: int) -> list[int]:
        state.append(event)  # in place, as apply shouldn't
        return state

    async def handler(state: list[int], msg: Any, ctx: PersistentContext[Any, int]) -> list[int]:
        if msg == "fail":
            raise ValueError(msg)
        dispatch(ctx.sender, list(state))
        return state

    engine = RiggedEngine()
    await write(engine, "k", 1, 2)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(
            system, handler, key="k", initial_state_func=initial_state, apply=append, on_crash=Judge(Decision.RESET)
        )
        assert await ask(ref) == [1, 2]
        dispatch(ref, "fail")
        assert await ask(ref) == [1, 2]


async def test_an_actor_that_is_unsure_of_its_last_write_catches_up_with_apply() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(
            system, account, key="k", initial_state=100, apply=evolve, codec=EVENTS, on_crash=Judge(Decision.RESUME)
        )
        assert await ask(ref, Withdraw(1)) == ("done", 99)
        engine.fail_write(OSError("cut off"), stored=True)
        dispatch(ref, Withdraw(10))
        assert await ask(ref, Withdraw(100)) == ("refused", 89)
    assert [number for number, _ in await contents(engine, "k")] == [1, 2]
    assert {type(msg) for msg in handled} == {Withdraw}


class Counting(RiggedEngine):
    """Notes the keys that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def events(self, key: str, **window: Any) -> AsyncIterator[PersistedEvent]:
        self.read.append(key)
        return super().events(key, **window)


async def test_an_actor_that_is_stopped_before_its_turn_reads_nothing() -> None:
    engine = Counting()
    async with start(configure_persistence(engine, max_recoveries=1)) as system:
        engine.before_read.shut()
        first = spawn_persistent(system, account, key="first", initial_state=1, apply=evolve, codec=EVENTS)
        await engine.before_read.arrival()
        second = spawn_persistent(system, account, key="second", initial_state=1, apply=evolve, codec=EVENTS)
        await asyncio.sleep(0)  # the second one begins, and waits for its turn
        stop(second)
        engine.before_read.open()
        assert await ask(first, Withdraw(1)) == ("done", 0)
        await stopped(second)
    assert engine.read == ["first"]


async def test_a_fresh_initial_state_may_wait_for_an_actor_that_recovers() -> None:
    """The place among those that recover is lent meanwhile: there is one, and the other actor needs it."""
    async with start(configure_persistence(RiggedEngine(), max_recoveries=1)) as system:
        asked: list[Any] = []

        async def initial_state(ctx: PersistentContext[Any, int]) -> list[int]:
            asked.append(
                await ask(spawn_persistent(system, account, key=f"{len(asked)}", initial_state=7), Withdraw(9))
            )
            return []

        def append(state: list[int], event: int) -> list[int]:
            return [*state, event]

        async def handler(state: list[int], msg: Any, ctx: PersistentContext[Any, int]) -> list[int]:
            dispatch(ctx.sender, None)
            return state

        ref = spawn_persistent(system, handler, key="k", initial_state_func=initial_state, apply=append)
        await ask(ref)
        cell: Any = ref._target
        slot = RecoverySlot(persistence_of(system).recoveries)
        cell.state = []
        work = fold_state(cell, cell.journal, Twice(), append, slot)  # type: ignore[arg-type]
        assert await asyncio.wait_for(slot.holding(work), PATIENCE)
        assert (cell.state, asked) == ([2], [("refused", 7)] * 2)


class Twice:
    """A reader whose journal turns out to be another one half-way."""

    key, position, start = "k", 0, Start(None, 0)

    async def read(self) -> AsyncIterator[Start | PersistedEvent]:
        for number in (1, 2):
            yield self.start
            yield PersistedEvent(key="k", sequence_number=1, data=number)

    def decode(self, event: PersistedEvent) -> Any:
        return event.data


async def test_what_begins_again_begins_with_a_fresh_initial_state() -> None:
    def append(state: list[int], event: int) -> list[int]:
        state.append(event)  # in place, as apply shouldn't
        return state

    async def handler(state: list[int], msg: Any, ctx: PersistentContext[Any, int]) -> list[int]:
        dispatch(ctx.sender, None)
        return state

    async with start(configure_persistence(RiggedEngine())) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state_func=lambda _: list[int](), apply=append)
        assert await ask(ref, "started") is None
        cell: Any = ref._target
        cell.state = await initial_state_of(cell)
        slot = RecoverySlot(asyncio.Semaphore())
        assert await fold_state(cell, cell.journal, Twice(), append, slot)  # type: ignore[arg-type]
        assert cell.state == [2]


async def test_records_that_handlers_get_hold_decoded_events() -> None:
    told: list[Any] = []

    async def handler(balance: int, msg: Any, ctx: PersistentContext[Any, Withdrawn]) -> int:
        if ctx.event is not None:
            told.append(ctx.event.data)
        if not ctx.recovering:
            told.extend(record.data for record in await ctx.persist_all([Withdrawn(1), Withdrawn(2)]))
        dispatch(ctx.sender, None)
        return balance

    engine = RiggedEngine()
    for _ in range(2):
        async with start(configure_persistence(engine, close=False)) as system:
            await ask(spawn_persistent(system, handler, key="k", initial_state=0, codec=EVENTS))
    assert told == [Withdrawn(1), Withdrawn(2)] * 3


async def test_a_codec_of_functions_reads_what_it_wrote() -> None:
    engine = RiggedEngine()
    codec: FunctionCodec[int] = FunctionCodec(str, int)

    async def total(state: int, msg: int, ctx: PersistentContext[int, int]) -> int:
        await ctx.persist(msg)
        dispatch(ctx.sender, state + msg)
        return state + msg

    for expected in (5, 10):
        async with start(configure_persistence(engine, close=False)) as system:
            ref = spawn_persistent(system, total, key="k", initial_state=0, apply=int.__add__, codec=codec)
            assert await ask(ref, 5) == expected
    assert await contents(engine, "k") == [(1, "5"), (2, "5")]
    assert FunctionCodec(same, same).encode("a") == "a"
