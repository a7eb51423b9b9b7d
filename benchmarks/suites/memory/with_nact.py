"""The subjects: actors of nact that have handled a message and are idle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from benchmarks.load import MESSAGE
from benchmarks.measuring import Countdown, memory_now
from benchmarks.model import Run
from nact import ActorRef, Context, PersistentContext, configure_persistence, dispatch, spawn, spawn_persistent, start
from nact.persistence import MemoryPersistenceEngine


def _count(countdown: Countdown, _msg: object, _ctx: Context[Any]) -> Countdown:
    countdown.tick()
    return countdown


async def _count_async(countdown: Countdown, _msg: object, _ctx: PersistentContext[Any, Any]) -> Countdown:
    countdown.tick()
    return countdown


async def _weight(countdown: Countdown, spawn_one: Callable[[int], ActorRef[Any]], n: int) -> float:
    actors = [spawn_one(n)]
    await _send(countdown, actors)  # what all actors share is there
    before = memory_now()
    actors += [spawn_one(number) for number in range(n)]
    await _send(countdown, actors)
    of_the_list = 8
    return (memory_now() - before) / n - of_the_list


async def _send(countdown: Countdown, actors: list[ActorRef[Any]]) -> None:
    """Returns when each of the actors has handled a message."""
    done = countdown.begin(len(actors))
    for actor in actors:
        dispatch(actor, MESSAGE)
        await asyncio.sleep(0)
    await done


async def actor(run: Run) -> float:
    """Bytes of an actor (its state is shared)."""
    countdown = Countdown()

    def spawn_one(n: int) -> ActorRef[Any]:
        return spawn(system, _count, f"actor-{n}", initial_state=countdown)

    async with start() as system:
        return await _weight(countdown, spawn_one, run.n)


async def persistent_actor(run: Run) -> float:
    """Bytes of a persistent actor with an empty journal; the engine is in memory."""
    countdown = Countdown()

    def spawn_one(n: int) -> ActorRef[Any]:
        return spawn_persistent(system, _count_async, key=f"key-{n}", name=f"actor-{n}", initial_state=countdown)

    async with start(configure_persistence(MemoryPersistenceEngine())) as system:
        return await _weight(countdown, spawn_one, run.n)
