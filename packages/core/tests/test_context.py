"""The context of a message: the actor, its family, and the sender."""

import asyncio
from typing import Any

import pytest

from nact import NOBODY, ActorRef, Context, CrashContext, Decision, dispatch, query, spawn, start, stop

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def context_of(state: Any, msg: Any, ctx: Context[Any]) -> None:
    """Answers with its own context."""
    dispatch(ctx.sender, ctx)


def idle(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    return state


async def test_a_handler_knows_who_and_where_it_is() -> None:
    async with start(name="shop") as system:
        floor = spawn(system, idle, "floor")
        till = spawn(floor, context_of, "till")
        ctx = await query(till, "?", 10)
        assert (ctx.self, ctx.name, ctx.path, ctx.parent) == (till, "till", "shop://floor/till", floor)


async def test_the_parent_at_the_top_is_the_system() -> None:
    async with start() as system:
        ctx = await query(spawn(system, context_of), "?", 10)
        assert ctx.parent is system


async def test_children_are_known_by_name_and_seen_to_come_and_go() -> None:
    async with start() as system:
        parent = spawn(system, context_of)
        children = (await query(parent, "?", 10)).children
        assert dict(children) == {}
        first = spawn(parent, idle, "first")
        second = spawn(parent, idle, "second")
        assert dict(children) == {"first": first, "second": second}
        stop(first)
        assert dict(children) == {"second": second}
        assert dict(system.children) == {parent.name: parent}


async def test_children_cannot_be_changed_through_the_view() -> None:
    async with start() as system:
        spawn(system, idle, "first")
        with pytest.raises(TypeError):
            del system.children["first"]  # type: ignore[attr-defined]


async def test_a_systems_children_are_seen_to_come_before_there_ever_was_one() -> None:
    async with start() as system:
        children = system.children
        first = spawn(system, idle, "first")
        assert children == {"first": first}


async def test_a_context_stays_true_for_its_message_however_long_it_is_kept() -> None:
    kept: list[tuple[str, Context[str]]] = []

    def keep(state: Any, msg: str, ctx: Context[str]) -> None:
        kept.append((msg, ctx))

    async with start() as system:
        ref = spawn(system, keep)
        senders = {name: spawn(system, idle, name) for name in "ab"}
        for name in "abbaab":
            dispatch(ref, name, senders[name])
        dispatch(ref, "nobody")
        await query(spawn(system, context_of), "let all run", 10)
        assert [ctx.sender for _, ctx in kept] == [senders.get(name, NOBODY) for name, _ in kept]
        assert len(kept) == 7


async def test_a_handler_that_waits_keeps_its_sender() -> None:
    async def slow(state: Any, msg: str, ctx: Context[str]) -> None:
        await asyncio.sleep(1)
        dispatch(ctx.sender, msg)

    async with start() as system:
        ref = spawn(system, slow)
        answers = [query(ref, msg, 10) for msg in "abc"]
        assert [await answer for answer in answers] == ["a", "b", "c"]


async def test_a_policy_sees_the_actor_the_sender_and_what_waits_in_the_mailbox() -> None:
    seen: asyncio.Queue[tuple[ActorRef[Any], ActorRef[Any], tuple[str, ...]]] = asyncio.Queue()

    def fail(state: Any, msg: str, ctx: Context[str]) -> None:
        raise ValueError(msg)

    def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        seen.put_nowait((ctx.self, ctx.sender, ctx.mailbox))
        return Decision.STOP

    async with start() as system:
        sender = spawn(system, idle)
        ref = spawn(system, fail, on_crash=judge)
        for msg in ("first", "second", "third"):
            dispatch(ref, msg, sender)
        assert await seen.get() == (ref, sender, ("second", "third"))


async def test_a_policy_sees_an_empty_mailbox_as_empty() -> None:
    seen: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    def fail(ctx: Context[Any]) -> Any:
        raise ValueError

    def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        seen.put_nowait(ctx.mailbox)
        return Decision.STOP

    async with start() as system:
        spawn(system, idle, initial_state_func=fail, on_crash=judge)
        assert await seen.get() == ()


async def test_the_fault_of_a_start_has_no_sender_whoever_sent_the_message_before() -> None:
    senders: asyncio.Queue[ActorRef[Any]] = asyncio.Queue()
    made = 0

    def make(ctx: Context[Any]) -> int:
        nonlocal made
        made += 1
        if made == 2:
            raise ValueError
        return made

    def fail(state: int, msg: str, ctx: Context[str]) -> int:
        raise ValueError(msg)

    def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        senders.put_nowait(ctx.sender)
        return Decision.RESET if msg else Decision.STOP

    async with start() as system:
        sender = spawn(system, idle)
        dispatch(spawn(system, fail, initial_state_func=make, on_crash=judge), "fail", sender)
        assert [await senders.get(), await senders.get()] == [sender, NOBODY]
