"""References: where an actor is, and what remains of it when it is gone."""

import weakref
from typing import Any

import pytest

from nact import NOBODY, Context, dispatch, query, seconds, spawn, start, stop

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def idle(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    return state


async def test_a_path_leads_from_the_system_to_the_actor() -> None:
    async with start(name="shop") as system:
        till = spawn(system, idle, "till")
        drawer = spawn(till, idle, "drawer")
        assert system.path == "shop://"
        assert till.path == "shop://till"
        assert drawer.path == "shop://till/drawer"


async def test_a_path_stays_when_the_actor_is_gone() -> None:
    async with start(name="shop") as system:
        till = spawn(system, idle, "till")
        drawer = spawn(till, idle, "drawer")
        stop(till)
        assert drawer.path == "shop://till/drawer"


async def test_a_reference_knows_name_and_parent() -> None:
    async with start() as system:
        till = spawn(system, idle, "till")
        drawer = spawn(till, idle, "drawer")
        assert (drawer.name, drawer.parent) == ("drawer", till)
        assert (till.name, till.parent) == ("till", system)
        assert system.parent is None


async def test_a_reference_tells_whether_its_actor_has_stopped() -> None:
    async with start(name="shop") as system:
        till = spawn(system, idle, "till")
        assert (till.is_stopped, repr(till)) == (False, "<ActorRef shop://till>")
        stop(till)
        assert (till.is_stopped, repr(till)) == (True, "<ActorRef shop://till stopped>")
        assert repr(system) == "<ActorSystem shop://>"


async def test_a_later_actor_of_the_same_name_is_another_actor() -> None:
    def tell(state: str, msg: Any, ctx: Context[Any]) -> str:
        dispatch(ctx.sender, state)
        return state

    async with start() as system:
        first = spawn(system, tell, "till", initial_state="first")
        stop(first)
        second = spawn(system, tell, "till", initial_state="second")
        assert first != second
        assert first.path == second.path
        dispatch(first, "for the first")
        assert await query(second, "who?", 10 * seconds) == "second"
        assert system.dead_letters == 1


async def test_references_are_hashable_and_can_be_referred_to_weakly() -> None:
    async with start() as system:
        ref = spawn(system, idle)
        assert {ref: 1}[ref] == 1
        assert weakref.ref(ref)() is ref


async def test_nobody_takes_any_message() -> None:
    dispatch(NOBODY, "hello")
    stop(NOBODY)
    assert NOBODY.is_stopped
    assert repr(NOBODY) == "<Nobody>"
