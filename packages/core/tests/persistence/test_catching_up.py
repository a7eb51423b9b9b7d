"""After a persist with an unknown outcome, an actor with an immutable state reads only the events after its state."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import msgspec
import pytest

from nact import (
    Decision,
    EngineUnavailableError,
    OutcomeUnknownError,
    PersistentContext,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
)
from nact.persistence import PersistedEvent
from nact.persistence._actor.catching_up import MOST_PARTS, is_immutable

from .doubles import Judge, RiggedEngine, ask, collect, contents

pytestmark = pytest.mark.anyio


class Watched(RiggedEngine):
    """Tells from where it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[int] = []

    def events(self, key: str, *, after: int = 0, **window: Any) -> AsyncIterator[PersistedEvent]:
        self.reads.append(after)
        return super().events(key, after=after, **window)


async def gather(state: tuple[Any, ...], msg: Any, ctx: PersistentContext[Any, Any]) -> tuple[Any, ...]:
    return tuple(await collect(list(state), msg, ctx))


async def reads_after_doubt(engine: Watched, handler: Any, initial: Any, expected: Any, *, stored: bool) -> list[int]:
    """Whence the journal was read when the third of three events was in doubt, and the state that came of it."""
    judge = Judge(Decision.RESUME)
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=initial, on_crash=judge)
        await ask(ref, "a")
        await ask(ref, "b")
        engine.reads.clear()
        engine.fail_write(OutcomeUnknownError("cut"), stored=stored)
        dispatch(ref, "c")
        await judge.fault()
        assert await ask(ref, "d") == expected
        return list(engine.reads)


@pytest.mark.parametrize("stored", [False, True])
async def test_an_immutable_state_reads_on_from_where_it_stands(*, stored: bool) -> None:
    engine, expected = Watched(), ["a", "b", "c", "d"] if stored else ["a", "b", "d"]
    assert await reads_after_doubt(engine, gather, (), expected, stored=stored) == [1]
    assert await contents(engine, "k") == list(enumerate(expected, 1))


@pytest.mark.parametrize("stored", [False, True])
async def test_a_state_that_could_have_changed_is_made_anew(*, stored: bool) -> None:
    async def in_place(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        state.append(msg)
        if not ctx.recovering:
            await ctx.persist(msg)
        dispatch(ctx.sender, list(state))
        return state

    async def fresh(ctx: PersistentContext[Any, Any]) -> list[Any]:
        return []

    engine, judge = Watched(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, in_place, key="k", initial_state_func=fresh, on_crash=judge)
        await ask(ref, "a")
        engine.fail_write(OutcomeUnknownError("cut"), stored=stored)
        dispatch(ref, "b")
        await judge.fault()
        assert await ask(ref, "c") == (["a", "b", "c"] if stored else ["a", "c"])
        assert engine.reads[-1] == 0


async def test_a_message_that_had_stored_something_reads_all_again() -> None:
    async def twice(state: tuple[Any, ...], msg: Any, ctx: PersistentContext[Any, Any]) -> tuple[Any, ...]:
        if ctx.recovering or msg == "d":
            return await gather(state, msg, ctx)
        await ctx.persist(msg)
        if msg == "c":
            engine.fail_write(OutcomeUnknownError("cut"), stored=True)
        await ctx.persist(msg.upper())
        dispatch(ctx.sender, "done")
        return (*state, msg, msg.upper())

    engine, judge = Watched(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, twice, key="k", initial_state=(), on_crash=judge)
        await ask(ref, "a")
        engine.reads.clear()
        dispatch(ref, "c")
        await judge.fault()
        assert await ask(ref, "d") == ["a", "A", "c", "C", "d"]
        assert engine.reads == [0]


async def test_a_journal_that_lost_what_the_state_stands_on_reads_all() -> None:
    async def lost(state: tuple[Any, ...], msg: Any, ctx: PersistentContext[Any, Any]) -> tuple[Any, ...]:
        if msg == "c" and not ctx.recovering:
            del engine._storage.events["k"][1:]
        return await gather(state, msg, ctx)

    engine = Watched()
    assert await reads_after_doubt(engine, lost, (), ["a", "d"], stored=False) == [1, 0]


async def test_a_handler_that_fails_while_catching_up_is_judged() -> None:
    async def stumbles(state: tuple[Any, ...], msg: Any, ctx: PersistentContext[Any, Any]) -> tuple[Any, ...]:
        if msg == "b" and ctx.recovering:
            raise ValueError(msg)
        return await gather(state, msg, ctx)

    engine, judge = Watched(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, stumbles, key="k", initial_state=(), on_crash=judge)
        await ask(ref, "a")
        engine.fail_write(OutcomeUnknownError("cut"), stored=True)
        dispatch(ref, "b")
        assert isinstance((await judge.fault())[1], EngineUnavailableError)
        assert await ask(ref, "c") == ["a", "c"]
        assert isinstance((await judge.fault())[1], ValueError)


class Colour(Enum):
    RED = 1


class Point(NamedTuple):
    x: Any


@dataclass(frozen=True)
class Frozen:
    x: Any


@dataclass
class Open:
    x: int = 0


@dataclass(frozen=True)
class FrozenList(list[int]):
    pass


class FrozenStruct(msgspec.Struct, frozen=True):
    x: Any


class OpenStruct(msgspec.Struct):
    x: int = 0


@pytest.mark.parametrize(
    "state",
    [None, 1, "a", (1, ("b",)), frozenset({1}), Colour.RED, Point(1), Frozen((1,)), FrozenStruct(Frozen(1))],
    ids=repr,
)
def test_a_state_of_fixed_parts_is_immutable(state: object) -> None:
    assert is_immutable(state)


@pytest.mark.parametrize(
    "state",
    [[], {}, set(), ([],), Point([]), Frozen([]), Open(), FrozenStruct({}), OpenStruct(), object(), bytearray()],
    ids=lambda it: f"{type(it).__name__}",
)
def test_a_state_with_a_part_that_can_change_isnt(state: object) -> None:
    assert not is_immutable(state)


def test_a_state_of_too_many_parts_isnt_looked_through() -> None:
    assert is_immutable((0,) * (MOST_PARTS - 1))
    assert not is_immutable((0,) * MOST_PARTS)


def test_a_frozen_dataclass_that_is_a_list_is_not_immutable() -> None:
    state = FrozenList()
    state.append(1)
    assert not is_immutable(state)
