"""What becomes of an actor whose handler raised, and of its family: all ten decisions."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from nact import (
    ActorRef,
    ActorStoppedError,
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
    stop,
)
from nact.supervision import SupervisionPolicy

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]

KEPT, ANEW, GONE = "goes on with its state", "goes on with its state made anew", "has stopped"


class BoomError(Exception):
    """The fault of these tests."""


def mark(state: str, msg: str, ctx: Context[str]) -> str:
    """Its state says whether it was made anew."""
    match msg:
        case "mark":
            return KEPT
        case "fail":
            raise BoomError
        case _:
            dispatch(ctx.sender, state)
            return state


async def suspending_mark(state: str, msg: str, ctx: Context[str]) -> str:
    await asyncio.sleep(1)
    return mark(state, msg, ctx)


def family_member(
    parent: ActorRef[Any],
    name: str,
    on_crash: SupervisionPolicy | None = None,
    handler: Callable[[str, str, Context[str]], Any] = mark,
) -> ActorRef[Any]:
    ref = spawn(parent, handler, name, initial_state=ANEW, on_crash=on_crash)
    dispatch(ref, "mark")
    return ref


async def fate(ref: ActorRef[Any]) -> Any:
    try:
        return await query(ref, "what became of you?", 60)
    except ActorStoppedError:
        return GONE


async def settle(*family: ActorRef[Any]) -> None:
    """Returns when all are in the state that a reset would take from them."""
    for ref in family:
        assert await fate(ref) == KEPT


def deciding(decision: Decision, kind: str = "sync") -> SupervisionPolicy:
    def decide(msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None) -> Decision:
        return decision

    async def decide_later(
        msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None
    ) -> Decision:
        await asyncio.sleep(1)
        return decision

    return decide if kind == "sync" else decide_later


def escalate(msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None) -> Decision:
    return ctx.escalate


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
        return decisions.get(ctx.name, ctx.escalate)

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


# --- default policy ----------------------------------------------------------------------------------------------


async def test_by_default_the_fault_is_logged_and_the_actor_stops(records: list[LogRecord]) -> None:
    async with start(configure_logging(records.append)) as system:
        parent = family_member(system, "parent")
        actor = family_member(parent, "actor")
        dispatch(actor, "fail")
        assert [await fate(actor), await fate(parent)] == [GONE, KEPT]
    (record,) = records
    assert isinstance(record, LogException)
    assert (record.actor, record.text) == (actor, "stops after a fault while it handled 'fail': BoomError()")


async def test_by_default_a_fault_that_a_child_escalates_stops_the_parent(records: list[LogRecord]) -> None:
    async with start(configure_logging(records.append)) as system:
        parent = family_member(system, "parent")
        actor = family_member(parent, "actor", escalate)
        dispatch(actor, "fail")
        assert [await fate(actor), await fate(parent)] == [GONE, GONE]
    (record,) = records
    assert record.actor is parent
    assert record.text == "stops after a fault by its child 'actor' while it handled 'fail': BoomError()"


async def test_a_message_that_cannot_be_shown_does_not_hide_the_fault(records: list[LogRecord]) -> None:
    class Detached:
        def __repr__(self) -> str:
            raise RuntimeError("no session")

    def fail(state: Any, msg: Any, ctx: Context[Any]) -> None:
        raise BoomError

    async with start(configure_logging(records.append)) as system:
        actor = spawn(system, fail)
        dispatch(actor, Detached())
        assert await fate(actor) == GONE
    (record,) = records
    assert record.text == "stops after a fault while it handled <Detached, whose repr raised RuntimeError>: BoomError()"


async def test_a_long_message_is_cut_short_in_the_log(records: list[LogRecord]) -> None:
    def fail(state: Any, msg: Any, ctx: Context[Any]) -> None:
        raise BoomError

    async with start(configure_logging(records.append)) as system:
        actor = spawn(system, fail)
        dispatch(actor, "x" * 100_000)
        assert await fate(actor) == GONE
    assert len(records[0].text) < 300


# --- policies that misbehave ---------------------------------------------------------------------------------


async def raise_cancelled() -> Any:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    return await future


def raises(*args: Any) -> Any:
    raise ZeroDivisionError


async def raises_later(*args: Any) -> Any:
    await asyncio.sleep(1)
    raise ZeroDivisionError


async def waits_for_what_is_cancelled(*args: Any) -> Any:
    await raise_cancelled()


def decides_nothing(*args: Any) -> Any:
    return None


def decides_by_name(*args: Any) -> Any:
    return "resume"


def takes_no_child(msg: Any, error: Exception) -> Any:
    return Decision.RESUME


MISBEHAVING = [
    (raises, "ZeroDivisionError"),
    (raises_later, "ZeroDivisionError"),
    (waits_for_what_is_cancelled, "CancelledError"),
    (decides_nothing, "on_crash must return a Decision, such as ctx.stop or ctx.resume, not None"),
    (decides_by_name, "on_crash must return a Decision, such as ctx.stop or ctx.resume, not 'resume'"),
    (takes_no_child, "positional arguments"),
]


@pytest.mark.parametrize(("policy", "complaint"), MISBEHAVING)
async def test_an_actor_whose_policy_fails_stops_and_both_errors_are_logged(
    policy: Any, complaint: str, records: list[LogRecord]
) -> None:
    async with start(configure_logging(records.append)) as system:
        actor = family_member(system, "actor", policy)
        dispatch(actor, "fail")
        assert await fate(actor) == GONE
    assert [record.actor for record in records] == [actor, actor]
    fault, mistake = (record.text for record in records)
    assert fault == "failed while it handled 'fail': BoomError()"
    assert mistake.startswith("stops, because its on_crash failed: ")
    assert complaint in mistake


@pytest.mark.parametrize(("policy", "complaint"), MISBEHAVING)
async def test_a_parent_whose_policy_fails_about_a_child_stops(policy: Any, complaint: str) -> None:
    async with start() as system:
        parent = family_member(system, "parent", policy)
        child = family_member(parent, "child", escalate)
        dispatch(child, "fail")
        assert [await fate(child), await fate(parent)] == [GONE, GONE]


async def test_a_policy_may_return_any_awaitable() -> None:
    def decide_in_a_task(*args: Any) -> Any:
        return asyncio.ensure_future(asyncio.sleep(1, Decision.RESUME))

    async with start() as system:
        actor = family_member(system, "actor", decide_in_a_task)
        dispatch(actor, "fail")
        assert await fate(actor) == KEPT


# --- stops and resets that come meanwhile ------------------------------------------------------------------------


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
        return ctx.resume

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
        return ctx.reset_child

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
        return ctx.resume

    def stop_and_escalate(
        msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None
    ) -> Decision:
        stop(ctx.self)
        return ctx.escalate

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
