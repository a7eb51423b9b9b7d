"""Parents and children: they stop together, in order, however deep or wide the family is."""

import asyncio
import itertools
from typing import Any

import pytest

from nact import ActorRef, ActorStoppedError, Context, dispatch, query, spawn, start, stop

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def echo(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    dispatch(ctx.sender, msg)
    return state


async def others_ran(system: ActorRef[Any]) -> None:
    """Returns when all that can run has run."""
    await query(spawn(system, echo), "let all run", 10)


async def test_a_stop_reaches_the_descendants_and_no_other_actor() -> None:
    async with start() as system:
        parent, other = spawn(system, echo), spawn(system, echo)
        child = spawn(parent, echo)
        grandchild = spawn(child, echo)
        stop(parent)
        assert [ref.is_stopped for ref in (parent, child, grandchild, other)] == [True, True, True, False]
        assert set(system.children) == {other.name}


async def test_children_end_before_their_parents() -> None:
    ended: list[str] = []

    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep({"top": 1, "left": 5, "right": 2, "leaf": 9}[ctx.name])
        ended.append(ctx.name)

    async with start() as system:
        top = spawn(system, echo, "top", after_stop=after_stop)
        left = spawn(top, echo, "left", after_stop=after_stop)
        spawn(top, echo, "right", after_stop=after_stop)
        spawn(left, echo, "leaf", after_stop=after_stop)
        stop(top)
    assert ended == ["right", "leaf", "left", "top"]


async def test_a_parent_waits_for_a_grandchild_whose_own_parent_has_nothing_to_do_at_its_end() -> None:
    ended: list[str] = []

    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(1)
        ended.append(ctx.name)

    async with start() as system:
        top = spawn(system, echo, "top", after_stop=after_stop)
        spawn(spawn(top, echo), echo, "leaf", after_stop=after_stop)
    assert ended == ["leaf", "top"]


async def test_a_parent_waits_for_the_message_that_a_child_is_busy_with() -> None:
    begun, release = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def slow(state: Any, msg: Any, ctx: Context[Any]) -> None:
        begun.set()
        await release.wait()
        ended.append("message")

    async with start() as system:
        parent = spawn(system, echo, after_stop=lambda state, ctx: ended.append("parent"))
        dispatch(spawn(parent, slow), "work")
        await begun.wait()
        stop(parent)
        await others_ran(system)
        assert ended == []
        release.set()
    assert ended == ["message", "parent"]


async def test_a_child_that_stopped_before_is_waited_for_too() -> None:
    ended: list[str] = []

    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(10)
        ended.append(ctx.name)

    async with start() as system:
        parent = spawn(system, echo, after_stop=lambda state, ctx: ended.append("parent"))
        child = spawn(parent, echo, "child", after_stop=after_stop)
        stop(child)
        await others_ran(system)
        stop(parent)
        stop(child)
    assert ended == ["child", "parent"]


async def test_children_that_stop_leave_their_parent_as_it_was() -> None:
    async with start() as system:
        parent = spawn(system, echo)
        for _ in range(3):
            stop(spawn(parent, echo))
        assert await query(parent, "still here", 10) == "still here"
        spawn(parent, echo, "newcomer")


async def test_the_system_ends_once_with_the_last_actor_and_not_before() -> None:
    ended: list[str] = []

    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(10)
        ended.append(ctx.name)

    async with start() as system:
        spawn(system, echo, "slow", after_stop=after_stop)
        # An idle parent ends with its child, in one go: it must be counted once.
        spawn(spawn(spawn(system, echo), echo), echo)
        spawn(spawn(system, echo), echo)
    assert ended == ["slow"]


async def test_a_family_that_stops_in_one_go_is_counted_once() -> None:
    ended: list[str] = []
    async with start() as system:
        first = spawn(spawn(system, echo, "first"), echo)
        assert first.parent is not None
        stop(first.parent)
        spawn(system, echo, "second", after_stop=lambda state, ctx: ended.append(ctx.name))
    assert ended == ["second"]


async def test_a_handler_that_goes_on_in_a_stopped_actor_cannot_have_children() -> None:
    begun, release = asyncio.Event(), asyncio.Event()
    refused: list[ActorStoppedError] = []

    async def late_parent(state: Any, msg: Any, ctx: Context[Any]) -> None:
        begun.set()
        await release.wait()
        try:
            spawn(ctx.self, echo)
        except ActorStoppedError as error:
            refused.append(error)

    async with start() as system:
        ref = spawn(system, late_parent)
        dispatch(ref, "work")
        await begun.wait()
        stop(ref)
        release.set()
    assert len(refused) == 1


@pytest.mark.parametrize("last_words", ["nobody", "the deepest", "everybody"])
async def test_ten_thousand_generations_stop(last_words: str) -> None:
    depth = 10_000
    ended: list[int] = []

    def after_stop(state: int, ctx: Context[Any]) -> None:
        ended.append(state)

    async with start() as system:
        ref: ActorRef[Any] = system
        for generation in range(1, depth + 1):
            speaks = last_words == "everybody" or (last_words == "the deepest" and generation == depth)
            ref = spawn(ref, echo, "x", initial_state=generation, after_stop=after_stop if speaks else None)
        assert ref.path.count("/x") == depth
        stop(system.children["x"])
        assert ref.is_stopped
    expected = {"nobody": [], "the deepest": [depth], "everybody": list(range(depth, 0, -1))}
    assert ended == expected[last_words]


async def test_ten_thousand_siblings_stop() -> None:
    numbers = itertools.count(1)
    async with start() as system:
        parent = spawn(system, echo)
        children = [
            spawn(parent, echo, initial_state=None, after_stop=lambda state, ctx: next(numbers)) for _ in range(10_000)
        ]
        stop(parent)
        assert all(child.is_stopped for child in children)
    assert next(numbers) == 10_001
