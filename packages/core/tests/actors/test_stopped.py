"""`await stopped(ref)`: the actor has ended, and all below it."""

import asyncio
from typing import Any

import pytest

from nact import NOBODY, ActorRef, Context, dispatch, query, spawn, start, stop, stopped

from .handlers import Busy, echo, fail, now, silent

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


async def test_it_returns_when_after_stop_is_done() -> None:
    ended: list[str] = []

    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(5)
        ended.append(ctx.name)

    async with start() as system:
        ref = spawn(system, silent, "till", after_stop=after_stop)
        stop(ref)
        await stopped(ref)
        assert ended == ["till"]


async def test_it_waits_for_the_message_in_progress() -> None:
    async with start() as system:
        busy = Busy(system)
        await busy.begun.wait()
        stop(busy.ref)
        await stopped(busy.ref)
        assert now() == pytest.approx(3600)


async def test_it_waits_for_all_below() -> None:
    ended: list[str] = []

    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(5)
        ended.append(ctx.name)

    async with start() as system:
        top = spawn(system, silent)
        spawn(spawn(top, silent), silent, "grandchild", after_stop=after_stop)
        stop(top)
        await stopped(top)
        assert ended == ["grandchild"]


async def test_it_can_begin_long_before_the_stop() -> None:
    async with start() as system:
        ref = spawn(system, echo)
        waiting = [asyncio.ensure_future(stopped(ref)) for _ in range(3)]
        assert await query(ref, "still here", 10) == "still here"
        assert not any(wait.done() for wait in waiting)
        stop(ref)
        await asyncio.gather(*waiting)


async def test_it_returns_when_a_failure_stops_the_actor() -> None:
    async with start() as system:
        ref = spawn(system, fail)
        dispatch(ref, "fault")
        await stopped(ref)
        assert ref.is_stopped


async def test_a_wait_that_is_cancelled_leaves_others_undisturbed() -> None:
    async with start() as system:
        ref = spawn(system, silent)
        given_up, other = asyncio.ensure_future(stopped(ref)), asyncio.ensure_future(stopped(ref))
        await asyncio.sleep(1)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert not other.done()
        stop(ref)
        await other


async def test_it_returns_at_once_when_the_actor_has_ended() -> None:
    async with start() as system:
        ref = spawn(system, silent)
        stop(ref)
        await stopped(ref)
        await stopped(ref)
        await stopped(NOBODY)
    await stopped(ref)


async def test_it_works_for_systems() -> None:
    system = start()
    ref = spawn(system, silent)
    waiting = [asyncio.ensure_future(stopped(each)) for each in (system, system, ref)]
    await asyncio.sleep(1)
    waiting[0].cancel()
    stop(system)
    await asyncio.gather(*waiting[1:])
    await stopped(system)


async def test_it_leaves_nothing_behind() -> None:
    async with start() as system:
        refs = [spawn(system, silent), spawn(system, silent, after_stop=lambda state, ctx: None)]
        for ref in refs:
            stop(ref)
            await stopped(ref)
        assert not system._runtime.endings.awaited


@pytest.mark.parametrize("ref", [None, "shop://till", 5])
async def test_what_is_no_reference_is_refused(ref: Any) -> None:
    with pytest.raises(TypeError, match="ref must be an ActorRef") as caught:
        await stopped(ref)
    assert repr(ref) in str(caught.value)


async def test_a_question_is_no_actor_to_wait_for() -> None:
    async def wait(state: Any, msg: Any, ctx: Context[Any]) -> None:
        with pytest.raises(TypeError, match="ref must be an ActorRef"):
            await stopped(ctx.sender)
        dispatch(ctx.sender, "refused")

    async with start() as system:
        ref: ActorRef[Any] = spawn(system, wait)
        assert await query(ref, "?", 10) == "refused"
