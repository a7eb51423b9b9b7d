"""What every engine's suite does with nact, through the whole actor stack: persist, recover, replay."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from benchmarks.latency import Latencies
from benchmarks.load import ACTORS, BATCH, KEY, MESSAGE
from benchmarks.measuring import Countdown, Lap, Stopwatch
from benchmarks.model import Run
from nact import PersistentContext, configure_persistence, dispatch, spawn_persistent, start
from nact.persistence import AtomicBatches, PersistedEvent, PersistenceEngine

_HELLO = "hello"


class _Contacts:
    """The handler of all actors: persists every message but a greeting, and counts."""

    def __init__(self) -> None:
        self.countdown = Countdown()

    async def handle(self, state: int, msg: object, ctx: PersistentContext[Any, Any]) -> int:
        """The state is the number of messages."""
        if ctx.recovering:
            return state + 1
        if msg is not _HELLO:
            await ctx.persist(msg)
        self.countdown.tick()
        return state + 1


class _TimedContacts(_Contacts):
    """Also takes down how long each persist takes."""

    def __init__(self) -> None:
        super().__init__()
        self.milliseconds: list[float] = []

    async def handle(self, state: int, msg: object, ctx: PersistentContext[Any, Any]) -> int:
        """The state is the number of messages."""
        if ctx.recovering or msg is _HELLO:
            return await super().handle(state, msg, ctx)
        with Lap(self.milliseconds):
            await ctx.persist(msg)
        self.countdown.tick()
        return state + 1


async def persist(engine: PersistenceEngine, run: Run) -> float:
    """Events a second that `run.writers` actors persist, each one before it takes its next message."""
    return await _persist(engine, run.n, run.writers, _Contacts())


async def persist_latencies(engine: PersistenceEngine, run: Run) -> Latencies:
    """How long an actor waits for each persist, while `run.writers` actors persist as fast as they can."""
    contacts = _TimedContacts()
    await _persist(engine, run.n, run.writers, contacts)
    return Latencies(contacts.milliseconds)


async def persist_by_one(engine: PersistenceEngine, n: int) -> float:
    """Events a second that one actor persists, each before it takes the next message."""
    return await _persist(engine, n, 1, _Contacts())


async def persist_by_many(engine: PersistenceEngine, n: int) -> float:
    """Events a second that 1000 actors persist."""
    return await _persist(engine, n, ACTORS, _Contacts())


async def persist_by_many_with_recovery(engine: PersistenceEngine, n: int) -> float:
    """The same, where spawning the actors, and their recovery of empty journals, counts."""
    return await _persist(engine, n, ACTORS, _Contacts(), count_recovery=True)


async def _persist(
    engine: PersistenceEngine, n: int, writers: int, contacts: _Contacts, *, count_recovery: bool = False
) -> float:
    each = max(1, n // writers)
    async with start(configure_persistence(engine)) as system:
        with Stopwatch() as all_of_it:
            ready = contacts.countdown.begin(writers)
            actors = [spawn_persistent(system, contacts.handle, key=key, initial_state=0) for key in keys(writers)]
            for actor in actors:
                dispatch(actor, _HELLO)
            await ready
            with Stopwatch() as persisting:
                done = contacts.countdown.begin(each * writers)
                for _ in range(each):
                    for actor in actors:
                        dispatch(actor, MESSAGE)
                await done
    return each * writers / (all_of_it if count_recovery else persisting).seconds


def keys(writers: int) -> list[str]:
    """The keys that so many actors persist under."""
    return [f"{KEY}-{number}" for number in range(writers)]


async def recover(engine: PersistenceEngine) -> float:
    """Events a second at which one actor recovers, until it has handled its first new message."""
    contacts = _Contacts()
    recovered = 0

    def after_stop(state: int, _ctx: object) -> None:
        nonlocal recovered
        recovered = state

    async with start(configure_persistence(engine)) as system:
        with Stopwatch() as watch:
            done = contacts.countdown.begin(1)
            actor = spawn_persistent(system, contacts.handle, key=KEY, initial_state=0, after_stop=after_stop)
            dispatch(actor, _HELLO)
            await done
    return recovered / watch.seconds


async def replay(engine: PersistenceEngine) -> float:
    """Events a second that come out of `events()`."""
    count = 0
    with Stopwatch() as watch:
        async with aclosing(engine.events(KEY)) as events:  # type: ignore[type-var]  # engines have async generators
            async for _ in events:
                count += 1
    return count / watch.seconds


async def fill(engine: PersistenceEngine, n: int) -> None:
    """Stores so many events under `KEY`."""
    if not isinstance(engine, AtomicBatches):
        raise TypeError(f"{engine!r} can't store batches")
    for first in range(1, n + 1, BATCH):
        numbers = range(first, min(first + BATCH, n + 1))
        await engine.persist_all([PersistedEvent(key=KEY, sequence_number=number, data=MESSAGE) for number in numbers])
