"""All ten decisions about an actor whose handler raised, and their effects on its family."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from nact import (
    ActorRef,
    Context,
    CrashContext,
    Decision,
    LogException,
    LogRecord,
    SystemFailedError,
    configure_logging,
    dispatch,
    query,
    spawn,
    start,
)

from .family import ANEW, GONE, KEPT, BoomError, deciding, escalate, family_member, fate, mark

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


async def suspending_mark(state: str, msg: str, ctx: Context[str]) -> str:
    await asyncio.sleep(1)
    return mark(state, msg, ctx)


async def settle(*family: ActorRef[Any]) -> None:
    """Returns when all are in the state that a reset would take from them."""
    for ref in family:
        assert await fate(ref) == KEPT


both_policies = pytest.mark.parametrize("policy", ["sync", "async"])


both_handlers = pytest.mark.parametrize("handler", [mark, suspending_mark])


# --- an actor's own fault --------------------------------------------------------------------------------------------


OWN_FAULT = {  # what becomes of: the actor, its sibling, its child, its sibling's child
    Decision.STOP: (GONE, KEPT, GONE, KEPT),
    Decision.STOP_ALL: (GONE, GONE, GONE, GONE),
    Decision.STOP_ALL_CHILDREN: (KEPT, KEPT, GONE, KEPT),
    Decision.RESUME: (KEPT, KEPT, KEPT, KEPT),
    Decision.RESET: (ANEW, KEPT, GONE, KEPT),
    Decision.RESET_ALL: (ANEW, ANEW, GONE, GONE),
    Decision.RESET_ALL_CHILDREN: (KEPT, KEPT, ANEW, KEPT),
}


@both_policies
@both_handlers
@pytest.mark.parametrize("decision", OWN_FAULT, ids=lambda decision: decision.value)
async def test_a_decision_about_ones_own_fault(decision: Decision, handler: Callable[..., Any], policy: str) -> None:
    async with start() as system:
        parent = family_member(system, "parent")
        actor = family_member(parent, "actor", deciding(decision, policy), handler)
        sibling = family_member(parent, "sibling")
        child = family_member(actor, "child")
        nephew = family_member(sibling, "nephew")
        await settle(actor, sibling, child, nephew)
        dispatch(actor, "fail")
        fates = [await fate(ref) for ref in (actor, sibling, child, nephew)]
        assert fates == list(OWN_FAULT[decision])
        assert await fate(parent) == KEPT


@pytest.mark.parametrize("decision", [Decision.STOP_ALL, Decision.RESET_ALL], ids=lambda decision: decision.value)
async def test_at_the_top_all_siblings_are_all_actors_at_the_top(decision: Decision) -> None:
    async with start() as system:
        actor = family_member(system, "actor", deciding(decision))
        sibling = family_member(system, "sibling")
        await settle(actor, sibling)
        dispatch(actor, "fail")
        assert {await fate(actor), await fate(sibling)} == {GONE if decision is Decision.STOP_ALL else ANEW}
        assert await fate(family_member(system, "newcomer")) == KEPT


@pytest.mark.parametrize("decision", [Decision.STOP_CHILD, Decision.RESET_CHILD], ids=lambda decision: decision.value)
async def test_about_ones_own_fault_there_is_no_child_to_decide(decision: Decision, records: list[LogRecord]) -> None:
    async with start(configure_logging(records.append)) as system:
        actor = family_member(system, "actor", deciding(decision))
        child = family_member(actor, "child")
        dispatch(actor, "fail")
        assert [await fate(actor), await fate(child)] == [GONE, GONE]
    fault, mistake = records
    assert isinstance(fault, LogException)
    assert isinstance(fault.exception, BoomError)
    assert isinstance(mistake, LogException)
    assert f"on_crash decided {decision.value} about the actor's own fault" in str(mistake.exception)


# --- a child's fault ---------------------------------------------------------------------------------------------


CHILDS_FAULT = {  # what becomes of: the child, its sibling, its child, the actor that decides, the actor's sibling
    Decision.STOP: (GONE, GONE, GONE, GONE, KEPT),
    Decision.STOP_ALL: (GONE, GONE, GONE, GONE, GONE),
    Decision.STOP_CHILD: (GONE, KEPT, GONE, KEPT, KEPT),
    Decision.STOP_ALL_CHILDREN: (GONE, GONE, GONE, KEPT, KEPT),
    Decision.RESUME: (KEPT, KEPT, KEPT, KEPT, KEPT),
    Decision.RESET: (GONE, GONE, GONE, ANEW, KEPT),
    Decision.RESET_ALL: (GONE, GONE, GONE, ANEW, ANEW),
    Decision.RESET_CHILD: (ANEW, KEPT, GONE, KEPT, KEPT),
    Decision.RESET_ALL_CHILDREN: (ANEW, ANEW, GONE, KEPT, KEPT),
}


@both_policies
@both_handlers
@pytest.mark.parametrize("decision", CHILDS_FAULT, ids=lambda decision: decision.value)
async def test_a_decision_about_a_fault_that_a_child_escalated(
    decision: Decision, handler: Callable[..., Any], policy: str
) -> None:
    async with start() as system:
        top = family_member(system, "top")
        actor = family_member(top, "actor", deciding(decision, policy))
        uncle = family_member(top, "uncle")
        child = family_member(actor, "child", deciding(Decision.ESCALATE, policy), handler)
        sibling = family_member(actor, "sibling")
        grandchild = family_member(child, "grandchild")
        await settle(child, sibling, grandchild, actor, uncle)
        dispatch(child, "fail")
        fates = [await fate(ref) for ref in (child, sibling, grandchild, actor, uncle)]
        assert fates == list(CHILDS_FAULT[decision])
        assert await fate(top) == KEPT


@pytest.mark.parametrize(
    "decision",
    [Decision.RESUME, Decision.STOP_CHILD, Decision.RESET_CHILD, Decision.RESET_ALL_CHILDREN],
    ids=lambda decision: decision.value,
)
async def test_a_parent_that_is_busy_decides_without_delay_and_goes_on_undisturbed(decision: Decision) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def busy(state: str, msg: str, ctx: Context[str]) -> str:
        begun.set()
        if msg == "be busy":
            await release.wait()
        dispatch(ctx.sender, msg)
        return msg

    async with start() as system:
        actor = spawn(system, busy, "actor", initial_state="", on_crash=deciding(decision))
        child = family_member(actor, "child", escalate)
        answers = [query(actor, "be busy", 60), query(actor, "next", 60)]
        await begun.wait()
        dispatch(child, "fail")
        assert await fate(child) == CHILDS_FAULT[decision][0]
        assert not any(answer.done() for answer in answers)
        release.set()
        assert [await answer for answer in answers] == ["be busy", "next"]


async def test_a_parent_that_is_busy_resets_after_its_message_and_its_children_stop_at_once() -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def busy(state: str, msg: str, ctx: Context[str]) -> str:
        if msg == "be busy":
            begun.set()
            await release.wait()
            return KEPT
        return mark(state, msg, ctx)

    async with start() as system:
        actor = family_member(system, "actor", deciding(Decision.RESET), busy)
        child = family_member(actor, "child", escalate)
        dispatch(actor, "be busy")
        await begun.wait()
        dispatch(child, "fail")
        assert await fate(child) == GONE, "it would go on with a state that nobody vouches for"
        newborn = family_member(actor, "newborn")
        release.set()
        assert [await fate(actor), await fate(newborn)] == [ANEW, GONE]


async def test_the_policies_are_asked_upwards_with_the_child_that_escalated() -> None:
    asked: list[tuple[str, Any, str, ActorRef[Any] | None]] = []
    decisions = {"top": Decision.RESUME}

    def judge(msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None) -> Decision:
        asked.append((ctx.name, msg, repr(error), child))
        return decisions.get(ctx.name, Decision.ESCALATE)

    async with start() as system:
        top = family_member(system, "top", judge)
        middle = family_member(top, "middle", judge)
        bottom = family_member(middle, "bottom", judge)
        dispatch(bottom, "fail")
        assert [await fate(ref) for ref in (bottom, middle, top)] == [KEPT, KEPT, KEPT]
    assert asked == [
        ("bottom", "fail", "BoomError()", None),
        ("middle", "fail", "BoomError()", bottom),
        ("top", "fail", "BoomError()", middle),
    ]


async def test_reset_child_resets_the_one_that_escalated_not_the_one_that_failed() -> None:
    async with start() as system:
        top = family_member(system, "top", deciding(Decision.RESET_CHILD))
        middle = family_member(top, "middle", escalate)
        bottom = family_member(middle, "bottom", escalate)
        await settle(bottom, middle, top)
        dispatch(bottom, "fail")
        assert [await fate(ref) for ref in (bottom, middle, top)] == [GONE, ANEW, KEPT]


async def test_escalation_at_the_top_stops_the_actor_and_fails_the_system() -> None:
    async def shop() -> None:
        async with start(name="shop") as system:
            floor = family_member(system, "floor", escalate)
            till = family_member(floor, "till", escalate)
            other = family_member(system, "other")
            dispatch(till, "fail")
            assert [await fate(till), await fate(floor), await fate(other)] == [GONE, GONE, KEPT]

    with pytest.raises(SystemFailedError) as caught:
        await shop()
    ((path, error),) = caught.value.failures
    assert path == "shop://floor/till", "who failed, not who stopped"
    assert isinstance(error, BoomError)
