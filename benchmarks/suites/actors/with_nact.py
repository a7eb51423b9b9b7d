"""The subjects: actors of nact, with handlers that are plain functions, and with `async` ones that never suspend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from benchmarks.load import ACTORS, AT_ONCE, MESSAGE
from benchmarks.measuring import Countdown, Stopwatch
from benchmarks.model import Run
from nact import Context, dispatch, query, spawn, start

TIMEOUT = 5.0

Handler: TypeAlias = Callable[[Any, Any, Context[Any]], Any]


def _count(state: Countdown, _msg: object, _ctx: Context[Any]) -> Countdown:
    state.tick()
    return state


async def _count_async(state: Countdown, _msg: object, _ctx: Context[Any]) -> Countdown:
    state.tick()
    return state


def _return(state: Countdown, msg: object, ctx: Context[Any]) -> Countdown:
    state.tick()
    if state.left > 0:
        dispatch(ctx.sender, msg, ctx.self)
    return state


async def _return_async(state: Countdown, msg: object, ctx: Context[Any]) -> Countdown:
    state.tick()
    if state.left > 0:
        dispatch(ctx.sender, msg, ctx.self)
    return state


def _answer(state: object, msg: object, ctx: Context[Any]) -> object:
    dispatch(ctx.sender, msg)
    return state


async def _answer_async(state: object, msg: object, ctx: Context[Any]) -> object:
    dispatch(ctx.sender, msg)
    return state


async def _suspend(state: Countdown, _msg: object, _ctx: Context[Any]) -> Countdown:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[None] = loop.create_future()
    loop.call_soon(waiting.set_result, None)
    await waiting
    state.tick()
    return state


async def _one_way(handler: Handler, run: Run) -> float:
    async with start() as system:
        countdown = Countdown()
        actor = spawn(system, handler, initial_state=countdown)
        with Stopwatch() as watch:
            done = countdown.begin(run.n)
            for _ in range(run.n):
                dispatch(actor, MESSAGE)
            await done
    return run.n / watch.seconds


async def _ping_pong(handler: Handler, run: Run) -> float:
    async with start() as system:
        countdown = Countdown()
        left = spawn(system, handler, initial_state=countdown)
        right = spawn(system, handler, initial_state=countdown)
        with Stopwatch() as watch:
            done = countdown.begin(run.n)
            dispatch(left, MESSAGE, right)
            await done
    return run.n / watch.seconds


async def _fan_out(handler: Handler, run: Run) -> float:
    rounds = max(1, run.n // ACTORS)
    async with start() as system:
        countdown = Countdown()
        actors = [spawn(system, handler, initial_state=countdown) for _ in range(ACTORS)]
        with Stopwatch() as watch:
            for _ in range(rounds):
                done = countdown.begin(ACTORS)
                for actor in actors:
                    dispatch(actor, MESSAGE)
                await done
    return rounds * ACTORS / watch.seconds


async def _query(handler: Handler, run: Run) -> float:
    async with start() as system:
        actor = spawn(system, handler)
        with Stopwatch() as watch:
            for _ in range(run.n):
                await query(actor, MESSAGE, TIMEOUT)
    return run.n / watch.seconds


async def _query_at_once(handler: Handler, run: Run) -> float:
    rounds = max(1, run.n // AT_ONCE)
    async with start() as system:
        actor = spawn(system, handler)
        with Stopwatch() as watch:
            for _ in range(rounds):
                await asyncio.gather(*[query(actor, MESSAGE, TIMEOUT) for _ in range(AT_ONCE)])
    return rounds * AT_ONCE / watch.seconds


async def suspending(run: Run) -> float:
    """Each message makes its handler wait for the event loop."""
    each = max(1, run.n // ACTORS)
    async with start() as system:
        countdown = Countdown()
        actors = [spawn(system, _suspend, initial_state=countdown) for _ in range(ACTORS)]
        with Stopwatch() as watch:
            done = countdown.begin(each * ACTORS)
            for _ in range(each):
                for actor in actors:
                    dispatch(actor, MESSAGE)
            await done
    return each * ACTORS / watch.seconds


one_way, one_way_async = partial(_one_way, _count), partial(_one_way, _count_async)
ping_pong, ping_pong_async = partial(_ping_pong, _return), partial(_ping_pong, _return_async)
fan_out, fan_out_async = partial(_fan_out, _count), partial(_fan_out, _count_async)
query_one, query_one_async = partial(_query, _answer), partial(_query, _answer_async)
query_at_once, query_at_once_async = partial(_query_at_once, _answer), partial(_query_at_once, _answer_async)
