"""The subjects: what one would write without an actor library, a task for each actor that reads an `asyncio.Queue`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from benchmarks.load import ACTORS, AT_ONCE, MESSAGE
from benchmarks.measuring import Countdown, Stopwatch
from benchmarks.model import Run

Mailbox: TypeAlias = "asyncio.Queue[object]"
Question: TypeAlias = "tuple[object, asyncio.Future[object]]"


async def _count(mailbox: Mailbox, countdown: Countdown) -> None:
    while True:
        await mailbox.get()
        countdown.tick()


async def _return(mailbox: Mailbox, other: Mailbox, countdown: Countdown) -> None:
    while True:
        message = await mailbox.get()
        countdown.tick()
        other.put_nowait(message)


async def _answer(mailbox: asyncio.Queue[Question]) -> None:
    while True:
        message, reply = await mailbox.get()
        reply.set_result(message)


async def _suspend(mailbox: Mailbox, countdown: Countdown) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await mailbox.get()
        waiting: asyncio.Future[None] = loop.create_future()
        loop.call_soon(waiting.set_result, None)
        await waiting
        countdown.tick()


@asynccontextmanager
async def _running(*actors: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Starts actors, and cancels them in the end."""
    tasks = [asyncio.create_task(actor) for actor in actors]
    await asyncio.sleep(0)  # all of them wait for messages
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def one_way(run: Run) -> float:
    """Messages to one task."""
    mailbox: Mailbox = asyncio.Queue()
    countdown = Countdown()
    async with _running(_count(mailbox, countdown)):
        with Stopwatch() as watch:
            done = countdown.begin(run.n)
            for _ in range(run.n):
                mailbox.put_nowait(MESSAGE)
            await done
    return run.n / watch.seconds


async def ping_pong(run: Run) -> float:
    """One message, to and fro between two tasks."""
    left: Mailbox = asyncio.Queue()
    right: Mailbox = asyncio.Queue()
    countdown = Countdown()
    async with _running(_return(left, right, countdown), _return(right, left, countdown)):
        with Stopwatch() as watch:
            done = countdown.begin(run.n)
            left.put_nowait(MESSAGE)
            await done
    return run.n / watch.seconds


async def fan_out(run: Run) -> float:
    """One message to each of many tasks, until all have handled it, again and again."""
    rounds = max(1, run.n // ACTORS)
    mailboxes: list[Mailbox] = [asyncio.Queue() for _ in range(ACTORS)]
    countdown = Countdown()
    async with _running(*[_count(mailbox, countdown) for mailbox in mailboxes]):
        with Stopwatch() as watch:
            for _ in range(rounds):
                done = countdown.begin(ACTORS)
                for mailbox in mailboxes:
                    mailbox.put_nowait(MESSAGE)
                await done
    return rounds * ACTORS / watch.seconds


async def query_one(run: Run) -> float:
    """One question at a time to a task."""
    mailbox: asyncio.Queue[Question] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    async with _running(_answer(mailbox)):
        with Stopwatch() as watch:
            for _ in range(run.n):
                reply: asyncio.Future[object] = loop.create_future()
                mailbox.put_nowait((MESSAGE, reply))
                await reply
    return run.n / watch.seconds


async def query_at_once(run: Run) -> float:
    """Many questions to a task, then all answers."""
    rounds = max(1, run.n // AT_ONCE)
    mailbox: asyncio.Queue[Question] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    async with _running(_answer(mailbox)):
        with Stopwatch() as watch:
            for _ in range(rounds):
                replies: list[asyncio.Future[object]] = [loop.create_future() for _ in range(AT_ONCE)]
                for reply in replies:
                    mailbox.put_nowait((MESSAGE, reply))
                await asyncio.gather(*replies)
    return rounds * AT_ONCE / watch.seconds


async def suspending(run: Run) -> float:
    """Many tasks with several messages each, and each message makes its task wait for the event loop."""
    each = max(1, run.n // ACTORS)
    mailboxes: list[Mailbox] = [asyncio.Queue() for _ in range(ACTORS)]
    countdown = Countdown()
    async with _running(*[_suspend(mailbox, countdown) for mailbox in mailboxes]):
        with Stopwatch() as watch:
            done = countdown.begin(each * ACTORS)
            for _ in range(each):
                for mailbox in mailboxes:
                    mailbox.put_nowait(MESSAGE)
            await done
    return each * ACTORS / watch.seconds
