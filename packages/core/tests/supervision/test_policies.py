"""The default policy, and policies that misbehave."""

import asyncio
from typing import Any

import pytest

from nact import (
    Context,
    Decision,
    LogException,
    LogRecord,
    configure_logging,
    dispatch,
    spawn,
    start,
)

from .family import GONE, KEPT, BoomError, escalate, family_member, fate

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


# --- default policy ----------------------------------------------------------------------------------------------


async def test_by_default_the_fault_is_logged_and_the_actor_stops(records: list[LogRecord]) -> None:
    async with start(configure_logging(records.append)) as system:
        parent = family_member(system, "parent")
        actor = family_member(parent, "actor")
        dispatch(actor, "fail")
        assert [await fate(actor), await fate(parent)] == [GONE, KEPT]
    (record,) = records
    assert isinstance(record, LogException)
    assert (record.actor, record.text) == (
        actor,
        "stops after a fault while it handled a message of type str: BoomError()",
    )


async def test_by_default_a_fault_that_a_child_escalates_stops_the_parent(records: list[LogRecord]) -> None:
    async with start(configure_logging(records.append)) as system:
        parent = family_member(system, "parent")
        actor = family_member(parent, "actor", escalate)
        dispatch(actor, "fail")
        assert [await fate(actor), await fate(parent)] == [GONE, GONE]
    (record,) = records
    assert record.actor is parent
    assert record.text == "stops after a fault by its child 'actor' while it handled a message of type str: BoomError()"


async def test_a_message_that_cannot_be_shown_does_not_hide_the_fault(records: list[LogRecord]) -> None:
    class Detached:
        def __repr__(self) -> str:
            raise RuntimeError("no session")

    def fail(state: Any, msg: Any, ctx: Context[Any]) -> None:
        raise BoomError

    async with start(configure_logging(records.append), log_messages=True) as system:
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
    (decides_nothing, "on_crash must return a Decision, such as Decision.STOP or Decision.RESUME, not None"),
    (decides_by_name, "on_crash must return a Decision, such as Decision.STOP or Decision.RESUME, not 'resume'"),
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
    assert fault == "failed while it handled a message of type str: BoomError()"
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
