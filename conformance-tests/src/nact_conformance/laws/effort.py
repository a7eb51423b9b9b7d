"""G: how effort grows, by its shape: round trips and memory, not seconds."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Awaitable, Callable

from nact_conformance._trying.history import BrokenLawError, NotTriedError
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law

SHORT = 1_100
"""More events than any sensible page holds: what is longer needs no more memory."""


class EffortLaws:
    """Long journals and large batches cost what they must, and no more."""

    @law("G-01", guarantee=8)
    async def test_memory_does_not_grow_with_the_journal_that_is_replayed(self, trial: Trial) -> None:
        """A replay streams: several times the journal needs about the same memory, so recovery never exhausts it."""
        await _expect_the_same_memory(trial, _drain, "the memory that a replay needs doesn't grow with the journal")

    @law("G-02", guarantee=8)
    async def test_the_first_event_comes_without_the_rest(self, trial: Trial) -> None:
        """A reader that wants one event of a long journal doesn't pay for all of them."""
        await _expect_the_same_memory(trial, _first, "the first event is yielded before the journal was read")

    @law("G-03", Need.ROUND_TRIPS, guarantee=5)
    async def test_a_batch_of_a_hundred_makes_no_more_round_trips_than_one_of_ten(self, trial: Trial) -> None:
        """A batch travels as one; events that are sent one by one are no batch."""
        if not trial.offers(Need.BATCHES):
            raise NotTriedError(Need.BATCHES)
        counts = []
        for size in (10, 10, 100):
            key = trial.key()
            events = [event(key, number) for number in range(1, size + 1)]
            counts.append(await _round_trips(trial, trial.client.persist_all(events)))
        promise = "a batch of 100 makes no more round trips than one of 10"
        trial.expect_at_most(counts[2], counts[1], promise)

    @law("G-04", Need.ROUND_TRIPS, guarantee=8)
    async def test_a_replay_reads_in_pages(self, trial: Trial) -> None:
        """Events come many at a time: a thousand of them in a hundred round trips at most."""
        key = trial.key()
        await trial.fill(key, 1_000)
        count = await _round_trips(trial, trial.client.events(key))
        trial.expect_at_most(count, 100, "a replay of 1000 events makes at most 100 round trips")

    @law("G-05", Need.ROUND_TRIPS, guarantee=2)
    async def test_persist_costs_the_same_in_a_long_journal(self, trial: Trial) -> None:
        """The thousandth event makes as many round trips as the second: nothing is read again."""
        key = trial.key()
        await trial.fill(key, 1)
        early = await _round_trips(trial, trial.client.persist(event(key, 2)))
        for number in range(3, 600):
            await trial.client.persist(event(key, number))
        late = await _round_trips(trial, trial.client.persist(event(key, 600)))
        trial.expect_at_most(late, early, "persist makes no more round trips at 600 than at 2")


async def _expect_the_same_memory(trial: Trial, read: Callable[[Trial, str], Awaitable[None]], promise: str) -> None:
    """Returns if a long journal is read with about as much memory as a short one."""
    times, size = (4, 4096) if trial.offers(Need.BATCHES) else (3, 1024)
    short, long = trial.key(), trial.key()
    await trial.fill(short, SHORT, data="x" * size)
    await trial.fill(long, times * SHORT, data="x" * size)
    await read(trial, short)
    little = await _peak(read(trial, short))
    much = await _peak(read(trial, long))
    if much > 2 * little + 300_000:
        happened = f"{SHORT} events needed {_mb(little)}, {times * SHORT} events needed {_mb(much)}"
        raise BrokenLawError(promise, happened)


async def _drain(trial: Trial, key: str) -> None:
    async for _ in trial.client.engine.events(key):
        pass


async def _first(trial: Trial, key: str) -> None:
    replay = await trial.client.replay(key)
    await trial.client.next(replay)
    await trial.client.break_off(replay)


async def _peak(call: Awaitable[object]) -> int:
    """The most memory, in bytes, that Python used while the call ran, above that before."""
    gc.collect()
    began_here = not tracemalloc.is_tracing()
    if began_here:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        await call
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if began_here:
            tracemalloc.stop()


async def _round_trips(trial: Trial, call: Awaitable[object]) -> int:
    before = trial.suite.round_trips(trial.client.engine)
    await call
    after = trial.suite.round_trips(trial.client.engine)
    if before is None or after is None:
        raise NotTriedError(Need.ROUND_TRIPS)
    return after - before


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
