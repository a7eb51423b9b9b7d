"""Stops and resets that come while a policy decides, or a reset waits."""

import asyncio
from typing import Any

import pytest

from nact import (
    ActorRef,
    Context,
    CrashContext,
    Decision,
    dispatch,
    query,
    spawn,
    start,
    stop,
)

from .family import ANEW, GONE, KEPT, BoomError, deciding, escalate, family_member, fate, mark

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


async def test_the_faulted_actor_handles_nothing_while_its_policy_waits() -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def judge(*args: Any) -> Decision:
        asked.set()
        await release.wait()
        return Decision.RESUME

    async with start() as system:
        actor = family_member(system, "actor", judge)
        dispatch(actor, "fail")
        answer = query(actor, "?", 60)
        await asked.wait()
        assert await fate(family_member(system, "other")) == KEPT
        assert not answer.done()
        release.set()
        assert await answer == KEPT


@pytest.mark.parametrize("judge_is", ["the actor", "its parent"])
async def test_a_stop_cuts_a_policy_short(judge_is: str) -> None:
    asked = asyncio.Event()
    cut_short: list[str] = []

    async def judge(*args: Any) -> Decision:
        asked.set()
        try:
            await asyncio.sleep(3600)
        finally:
            cut_short.append(judge_is)
        return Decision.RESUME

    async with start() as system:
        parent = family_member(system, "parent", judge)
        actor = family_member(parent, "actor", judge if judge_is == "the actor" else escalate)
        dispatch(actor, "fail")
        await asked.wait()
        stop(actor)
        assert await fate(parent) == KEPT
    assert cut_short == [judge_is]
    assert asyncio.get_running_loop().time() < 3600


async def test_a_policy_that_stops_its_own_actor_is_cut_short() -> None:
    async def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        stop(ctx.self)
        await asyncio.sleep(3600)
        return Decision.RESUME

    async with start() as system:
        actor = family_member(system, "actor", judge)
        dispatch(actor, "fail")
        assert await fate(actor) == GONE
    assert asyncio.get_running_loop().time() < 3600


@pytest.mark.parametrize("decision", [Decision.RESET, Decision.RESET_ALL, Decision.RESUME], ids=lambda d: d.value)
async def test_an_actor_that_its_policy_stopped_stays_stopped(decision: Decision) -> None:
    def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        stop(ctx.self)
        return decision

    async with start() as system:
        actor = family_member(system, "actor", judge)
        dispatch(actor, "fail")
        assert await fate(actor) == GONE


async def test_a_child_that_its_parents_policy_stopped_is_not_reset() -> None:
    ended: list[str] = []

    def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None) -> Decision:
        assert child is not None
        stop(child)
        return Decision.RESET_CHILD

    async with start() as system:
        parent = family_member(system, "parent", judge)
        child = spawn(
            parent, mark, initial_state=KEPT, on_crash=escalate, after_stop=lambda state, ctx: ended.append(state)
        )
        dispatch(child, "fail")
        assert [await fate(child), await fate(parent)] == [GONE, KEPT]
    assert ended == [KEPT]


async def test_a_policy_need_not_begin_when_its_actor_is_stopped_already() -> None:
    async def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: Any = None) -> Decision:
        await asyncio.sleep(3600)
        return Decision.RESUME

    def stop_and_escalate(
        msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None
    ) -> Decision:
        stop(ctx.self)
        return Decision.ESCALATE

    async with start() as system:
        parent = family_member(system, "parent", judge)
        actor = family_member(parent, "actor", stop_and_escalate)
        dispatch(actor, "fail")
        assert [await fate(actor), await fate(parent)] == [GONE, KEPT]
    assert asyncio.get_running_loop().time() < 3600


async def test_a_reset_keeps_the_mailbox() -> None:
    def collect(state: list[str], msg: str, ctx: Context[str]) -> list[str]:
        if msg == "fail":
            raise BoomError
        dispatch(ctx.sender, [*state, msg])
        return [*state, msg]

    async with start() as system:
        actor = spawn(system, collect, initial_state=["anew"], on_crash=deciding(Decision.RESET))
        for msg in ("a", "fail", "b", "c"):
            dispatch(actor, msg)
        assert await query(actor, "d", 60) == ["anew", "b", "c", "d"]
        assert system.dead_letters == 0


async def test_a_reset_waits_until_the_children_have_ended() -> None:
    ended: list[str] = []

    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(10)
        ended.append("child")

    def make(ctx: Context[Any]) -> str:
        ended.append("made")
        return ANEW

    async with start() as system:
        actor = spawn(system, mark, initial_state_func=make, on_crash=deciding(Decision.RESET))
        spawn(actor, mark, initial_state="", after_stop=after_stop)
        dispatch(actor, "fail")
        assert await fate(actor) == ANEW
    assert ended == ["made", "child", "made"]


async def test_a_stop_after_a_reset_that_waits_stops_the_actor() -> None:
    made: list[str] = []

    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(10)

    def make(ctx: Context[Any]) -> str:
        made.append("made")
        return ANEW

    async with start() as system:
        actor = spawn(system, mark, initial_state_func=make, on_crash=deciding(Decision.RESET))
        spawn(actor, mark, initial_state="", after_stop=after_stop)
        dispatch(actor, "fail")
        await fate(family_member(system, "other"))
        stop(actor)
        assert await fate(actor) == GONE
    assert made == ["made"]


async def test_a_fault_keeps_the_state_from_before_the_message() -> None:
    async def lose(state: str, msg: str, ctx: Context[str]) -> str:
        if msg == "fail":
            await asyncio.sleep(1)
            raise BoomError
        return mark(state, msg, ctx)

    async with start() as system:
        actor = family_member(system, "actor", deciding(Decision.RESUME), lose)
        dispatch(actor, "fail")
        assert await fate(actor) == KEPT
