"""`stop`."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from nact import (
    Context,
    dispatch,
    query,
    seconds,
    spawn,
    start,
    stop,
)

from .handlers import echo, silent

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


async def test_stop_can_be_called_again() -> None:
    async with start() as system:
        ref = spawn(system, silent)
        stop(ref)
        stop(ref)
        assert ref.is_stopped
        assert not system.children


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_an_actor_can_stop_itself_and_finishes_its_message(how: str) -> None:
    ended: list[str] = []

    def leave(state: str, msg: str, ctx: Context[str]) -> str:
        stop(ctx.self)
        dispatch(ctx.self, "a dead letter")
        return msg

    async def leave_async(state: str, msg: str, ctx: Context[str]) -> str:
        result = leave(state, msg, ctx)
        await asyncio.sleep(1)
        return result

    async with start() as system:
        handler: Callable[..., Any] = leave if how == "sync" else leave_async
        ref = spawn(system, handler, initial_state="", after_stop=lambda state, ctx: ended.append(state))
        dispatch(ref, "first")
        dispatch(ref, "second")
        await query(spawn(system, echo), "let all run", 10)
        assert ref.is_stopped
        assert system.dead_letters == 2
    assert ended == ["first"]


async def test_a_handler_in_progress_is_finished_before_after_stop_runs() -> None:
    begun, release = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def slow(state: str, msg: str, ctx: Context[str]) -> str:
        begun.set()
        await release.wait()
        return msg

    async with start() as system:
        ref = spawn(system, slow, initial_state="", after_stop=lambda state, ctx: ended.append(state))
        dispatch(ref, "last")
        await begun.wait()
        stop(ref)
        await query(spawn(system, echo), "let all run", 10)
        assert ended == []
        release.set()
    assert ended == ["last"]


@pytest.mark.parametrize("ref", [None, "shop://till", 5])
async def test_stop_refuses_what_is_no_reference(ref: Any) -> None:
    with pytest.raises(TypeError, match="ref must be an ActorRef") as caught:
        stop(ref)
    assert repr(ref) in str(caught.value)


async def test_the_sender_of_a_query_cannot_be_stopped() -> None:
    def meddle(state: Any, msg: str, ctx: Context[str]) -> None:
        stop(ctx.sender)
        dispatch(ctx.sender, msg)

    async with start() as system:
        assert await query(spawn(system, meddle), "still there?", 10 * seconds) == "still there?"
