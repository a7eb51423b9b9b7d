"""What is kept of a journal and of its snapshots."""

import asyncio
from typing import Any

import pytest

from nact import (
    Retention,
    configure_persistence,
    spawn_persistent,
    start,
)

from .doubles import RiggedEngine, ask, collect, contents, stored
from .lives import kept, live

pytestmark = pytest.mark.anyio


async def test_retention_keeps_so_many_snapshots_and_by_itself_no_event_is_deleted() -> None:
    engine = RiggedEngine()
    await live(engine, *range(10), snapshot_every=2, retention=Retention(snapshots=2))
    assert await kept(engine) == [8, 10]
    assert [event.sequence_number for event in await stored(engine, "k")] == list(range(1, 11))


async def test_retention_deletes_the_events_that_went_into_the_oldest_snapshot_kept_if_it_is_told_to() -> None:
    engine = RiggedEngine()
    retention = Retention(snapshots=2, delete_events=True)
    await live(engine, *range(5), snapshot_every=2, retention=retention)
    assert await kept(engine) == [2, 4]
    assert [(e.sequence_number, e.is_deleted) for e in await stored(engine, "k")] == [
        (2, True),
        (3, False),
        (4, False),
        (5, False),
    ]
    assert await live(engine, snapshot_every=2, retention=retention) == list(range(5))


async def test_no_event_is_deleted_before_there_are_as_many_snapshots_as_are_kept() -> None:
    engine = RiggedEngine()
    await live(engine, *range(5), snapshot_every=2, retention=Retention(snapshots=3, delete_events=True))
    assert await contents(engine, "k") == [(number + 1, number) for number in range(5)]


async def test_with_retention_any_snapshot_that_is_kept_can_be_recovered_from() -> None:
    engine = RiggedEngine()
    options: dict[str, Any] = {"snapshot_every": 2, "retention": Retention(snapshots=2, delete_events=True)}
    await live(engine, *range(9), **options)
    assert await kept(engine) == [6, 8]
    engine.unreadable_snapshots = {8}
    assert await live(engine, **options) == list(range(9))


async def test_retention_goes_on_when_the_actor_was_spawned_again() -> None:
    engine = RiggedEngine()
    for number in range(8):
        await live(engine, number, snapshot_every=2, retention=Retention(snapshots=1, delete_events=True))
    assert await kept(engine) == [8]
    assert [(e.sequence_number, e.is_deleted) for e in await stored(engine, "k")] == [(8, True)]
    assert await live(engine) == list(range(8))


async def test_a_retention_that_fails_is_logged_and_counted_and_made_up_for_later() -> None:
    engine = RiggedEngine()
    engine.retention_faults.append(OSError("locked"))
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(
            system, collect, "k", initial_state=[], snapshot_every=1, retention=Retention(snapshots=1)
        )
        for msg in "abc":
            await ask(ref, msg)
            await asyncio.sleep(0)
        assert system.persistence is not None
        assert system.persistence.failed_snapshots == 1
    assert await kept(engine) == [3]
