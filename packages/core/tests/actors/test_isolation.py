"""Context variables (`contextvars`) that a handler sets apply to its own message only."""

import asyncio
import decimal
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from nact import ActorRef, Context, Decision, dispatch, query, spawn, spawn_stateless, start, stop

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]

tenant: ContextVar[Any] = ContextVar("tenant", default=None)


class Incomparable:
    """As an array is."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value is ambiguous")

    __hash__ = object.__hash__


def tell(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    dispatch(ctx.sender, (tenant.get(), decimal.getcontext().prec))
    return state


def set_all(msg: Any) -> None:
    tenant.set(msg)
    decimal.getcontext().prec = 3


def soil(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    seen = tenant.get()
    set_all(msg)
    dispatch(ctx.sender, seen)
    return state


async def soil_async(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    return soil(state, msg, ctx)


async def soil_and_wait(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    seen = tenant.get()
    set_all(msg)
    await asyncio.sleep(0)
    assert tenant.get() is msg
    await asyncio.sleep(1)
    assert tenant.get() is msg
    dispatch(ctx.sender, seen)
    return state


def soil_stateless(msg: Any, ctx: Context[Any]) -> None:
    soil(None, msg, ctx)


WAYS: list[Callable[..., Any]] = [soil, soil_async, soil_and_wait]


@pytest.mark.parametrize("handler", WAYS)
async def test_no_other_actor_sees_what_a_handler_has_set(handler: Callable[..., Any]) -> None:
    async with start() as system:
        soiling, other = spawn(system, handler), spawn(system, tell)
        for _ in range(3):
            first = query(soiling, "A", 60)
            told = query(other, "?", 60)
            assert await told == (None, 28)
            await first
            assert await query(other, "?", 60) == (None, 28)


@pytest.mark.parametrize("handler", WAYS)
async def test_the_next_message_does_not_see_what_the_last_set(handler: Callable[..., Any]) -> None:
    async with start() as system:
        ref = spawn(system, handler)
        answers = [query(ref, name, 600) for name in "ABCDE"]
        assert await asyncio.gather(*answers) == [None] * 5


@pytest.mark.parametrize("handler", WAYS)
async def test_values_that_cannot_be_compared_are_isolated(handler: Callable[..., Any]) -> None:
    value = Incomparable()
    async with start() as system:
        ref: ActorRef[int] = spawn(system, lambda state, msg, ctx: handler(state, value, ctx))
        other = spawn(system, tell)
        answers = [query(ref, 1, 60), query(ref, 2, 60)]
        assert await query(other, "?", 60) == (None, 28)
        assert await asyncio.gather(*answers) == [None] * 2


async def test_a_stateless_actor_leaves_nothing_in_the_context() -> None:
    async with start() as system:
        soiling, other = spawn_stateless(system, soil_stateless), spawn(system, tell)
        answers = [query(soiling, "A", 60), query(soiling, "B", 60)]
        assert await query(other, "?", 60) == (None, 28)
        assert await asyncio.gather(*answers) == [None] * 2


async def test_handlers_begin_with_what_was_set_before_start() -> None:
    token = tenant.set("everybody's")
    try:
        async with start() as system:
            ref = spawn(system, soil)
            answers = [query(ref, "mine", 60), query(ref, "mine", 60)]
            assert await asyncio.gather(*answers) == ["everybody's"] * 2
    finally:
        tenant.reset(token)


async def test_no_handler_sees_a_policy_s_settings() -> None:
    def judge(*args: Any) -> Decision:
        set_all("judged")
        return Decision.RESUME

    def fail(state: Any, msg: Any, ctx: Context[Any]) -> Any:
        if msg == "fail":
            raise ValueError
        return tell(state, msg, ctx)

    async with start() as system:
        ref = spawn(system, fail, on_crash=judge)
        dispatch(ref, "fail")
        assert await query(ref, "?", 60) == (None, 28)


@pytest.mark.parametrize("handler", WAYS)
async def test_after_stop_does_not_see_what_the_last_message_set(handler: Callable[..., Any]) -> None:
    seen: list[Any] = []

    async def soil_and_stop(state: Any, msg: Any, ctx: Context[Any]) -> Any:
        result = handler(state, msg, ctx)
        if asyncio.iscoroutine(result):
            await result
        stop(ctx.self)

    async with start() as system:
        ref = spawn(system, soil_and_stop, after_stop=lambda state, ctx: seen.append(tenant.get()))
        await query(ref, "A", 60)
    assert seen == [None]


@pytest.mark.parametrize("handler", WAYS)
async def test_an_actor_that_sets_something_handles_every_message(handler: Callable[..., Any]) -> None:
    async with start() as system:
        refs = [spawn(system, handler) for _ in range(5)]
        answers = [query(ref, number, 6000) for ref in refs for number in range(300)]
        assert await asyncio.gather(*answers) == [None] * 1500


async def test_timeouts_and_task_groups_work_in_a_fresh_context() -> None:
    async def work(state: Any, msg: Any, ctx: Context[Any]) -> Any:
        tenant.set(msg)
        task = asyncio.current_task()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.sleep(10)
        async with asyncio.TaskGroup() as group:
            inner = group.create_task(asyncio.sleep(1, tenant.get()))
        assert task is asyncio.current_task()
        dispatch(ctx.sender, inner.result())

    async with start() as system:
        ref = spawn(system, work)
        assert await asyncio.gather(*[query(ref, name, 600) for name in "ABC"]) == ["A", "B", "C"]
