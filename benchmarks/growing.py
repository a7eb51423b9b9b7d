"""What every engine's suite does with a journal that is full already: of other actors' events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from benchmarks import persisting
from benchmarks.load import BATCH, KEY, MESSAGE
from benchmarks.measuring import Stopwatch
from benchmarks.model import Run
from nact import configure_persistence, start
from nact.persistence import AtomicBatches, EventDeletion, PersistedEvent, PersistenceEngine
from nact.persistence.records import MAX_SEQUENCE_NUMBER

EACH = 100
"""So many events has every actor that was there before."""

_STRIDE = 7919
"""A prime: what is read lies apart, and is the same for everybody."""


async def fill(engine: PersistenceEngine, stored: int) -> None:
    """Stores so many events, a hundred a key."""
    if not isinstance(engine, AtomicBatches):
        raise TypeError(f"{engine!r} can't store batches")
    at_once = BATCH // EACH
    for first in range(0, max(1, stored // EACH), at_once):
        batches = [_events(_key(number)) for number in range(first, first + at_once)]
        await asyncio.gather(*[engine.persist_all(batch) for batch in batches])


async def persist(make: Callable[[], PersistenceEngine], run: Run) -> float:
    """Events a second that `run.writers` actors add. They are deleted again, so that the journal stays as large.

    Args:
        make: Makes a new engine, which `nact.start` opens and closes.
        run: Its `stored` says which of the journals that `fill` made the engine is for.
    """
    figure = await persisting.persist(make(), run)
    engine = make()
    if isinstance(engine, EventDeletion):
        async with start(configure_persistence(engine)):
            deletions = [engine.delete_events(key, up_to=MAX_SEQUENCE_NUMBER) for key in persisting.keys(run.writers)]
            await asyncio.gather(*deletions)
    return figure


async def read(engine: PersistenceEngine, run: Run) -> float:
    """Events a second that come out of `events()`, an actor's hundred at a time, one actor after another."""
    keys, count = max(1, run.stored // EACH), 0
    with Stopwatch() as watch:
        for number in range(max(1, run.n // EACH)):
            async with aclosing(engine.events(_key(number * _STRIDE % keys))) as events:  # type: ignore[type-var]
                async for _ in events:
                    count += 1
    return count / watch.seconds


def _key(number: int) -> str:
    return f"{KEY}-before-{number}"


def _events(key: str) -> list[PersistedEvent]:
    return [PersistedEvent(key=key, sequence_number=number, data=MESSAGE) for number in range(1, EACH + 1)]
