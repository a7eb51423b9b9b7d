"""The subjects: next to nothing. What the event loop, and Python, would allow if an actor had no semantics at all.

The *drain loop* is one task with a queue of mailboxes, that steps `async` handlers itself. The *future* is a question
that the event loop answers in its next pass.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from benchmarks.load import ACTORS, AT_ONCE, MESSAGE
from benchmarks.measuring import Countdown, Stopwatch
from benchmarks.model import Run

TIMEOUT = 5.0

Handler: TypeAlias = Callable[[Any, Any], Coroutine[Any, Any, Any]]


class _Mailbox:
    """A handler, its state and its messages, in a run queue when there are any."""

    __slots__ = ("handler", "messages", "ready", "state")

    def __init__(self, handler: Handler, state: Any, ready: deque[_Mailbox]) -> None:
        self.handler = handler
        self.state = state
        self.messages: deque[object] = deque()
        self.ready = ready

    def send(self, message: object) -> None:
        if not self.messages:
            self.ready.append(self)
        self.messages.append(message)


def _drain(ready: deque[_Mailbox]) -> None:
    while ready:
        mailbox = ready.popleft()
        messages = mailbox.messages
        while messages:
            try:
                mailbox.handler(mailbox.state, messages[0]).send(None)
            except StopIteration as returned:
                mailbox.state = returned.value
            messages.popleft()


async def _count(countdown: Countdown, _message: object) -> Countdown:
    countdown.tick()
    return countdown


async def _return(state: tuple[Countdown, list[_Mailbox]], message: object) -> object:
    countdown, others = state
    countdown.tick()
    if countdown.left > 0:
        others[0].send(message)
    return state


async def one_way(run: Run) -> float:
    """Messages to one mailbox."""
    ready: deque[_Mailbox] = deque()
    countdown = Countdown()
    mailbox = _Mailbox(_count, countdown, ready)
    with Stopwatch() as watch:
        done = countdown.begin(run.n)
        for _ in range(run.n):
            mailbox.send(MESSAGE)
        _drain(ready)
        await done
    return run.n / watch.seconds


async def ping_pong(run: Run) -> float:
    """One message, to and fro between two mailboxes."""
    ready: deque[_Mailbox] = deque()
    countdown = Countdown()
    others: list[_Mailbox] = []
    left = _Mailbox(_return, (countdown, others), ready)
    others.append(_Mailbox(_return, (countdown, [left]), ready))
    with Stopwatch() as watch:
        done = countdown.begin(run.n)
        left.send(MESSAGE)
        _drain(ready)
        await done
    return run.n / watch.seconds


async def fan_out(run: Run) -> float:
    """One message to each of many mailboxes, again and again."""
    rounds = max(1, run.n // ACTORS)
    ready: deque[_Mailbox] = deque()
    countdown = Countdown()
    mailboxes = [_Mailbox(_count, countdown, ready) for _ in range(ACTORS)]
    with Stopwatch() as watch:
        for _ in range(rounds):
            done = countdown.begin(ACTORS)
            for mailbox in mailboxes:
                mailbox.send(MESSAGE)
            _drain(ready)
            await done
    return rounds * ACTORS / watch.seconds


async def query_one(run: Run) -> float:
    """A future that the loop resolves, at a time."""
    loop = asyncio.get_running_loop()
    with Stopwatch() as watch:
        for _ in range(run.n):
            reply: asyncio.Future[object] = loop.create_future()
            loop.call_soon(reply.set_result, MESSAGE)
            await reply
    return run.n / watch.seconds


async def query_one_with_timeout(run: Run) -> float:
    """The same, each with a deadline of its own."""
    loop = asyncio.get_running_loop()
    with Stopwatch() as watch:
        for _ in range(run.n):
            reply: asyncio.Future[object] = loop.create_future()
            loop.call_soon(reply.set_result, MESSAGE)
            async with asyncio.timeout(TIMEOUT):
                await reply
    return run.n / watch.seconds


async def query_at_once(run: Run) -> float:
    """Many futures that the loop resolves."""
    rounds = max(1, run.n // AT_ONCE)
    loop = asyncio.get_running_loop()
    with Stopwatch() as watch:
        for _ in range(rounds):
            replies: list[asyncio.Future[object]] = [loop.create_future() for _ in range(AT_ONCE)]
            for reply in replies:
                loop.call_soon(reply.set_result, MESSAGE)
            await asyncio.gather(*replies)
    return rounds * AT_ONCE / watch.seconds


async def suspending(run: Run) -> float:
    """A task for each of many mailboxes, that handles its messages one after another."""
    each = max(1, run.n // ACTORS)
    loop = asyncio.get_running_loop()
    mailboxes = [deque([MESSAGE] * each) for _ in range(ACTORS)]
    countdown = Countdown()

    async def drain(messages: deque[Any]) -> None:
        while messages:
            messages.popleft()
            waiting: asyncio.Future[None] = loop.create_future()
            loop.call_soon(waiting.set_result, None)
            await waiting
            countdown.tick()

    with Stopwatch() as watch:
        done = countdown.begin(each * ACTORS)
        async with asyncio.TaskGroup() as tasks:
            for mailbox in mailboxes:
                tasks.create_task(drain(mailbox))
        await done
    return each * ACTORS / watch.seconds
