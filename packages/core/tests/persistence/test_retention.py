"""Retention: the snapshots and events that are kept, and those that are deleted."""

import asyncio
from typing import Any

import pytest

from nact import (
    ActorRef,
    FunctionCodec,
    Retention,
    configure_persistence,
    spawn_persistent,
    start,
)
from nact.persistence.actor import persistence_of

from .doubles import PATIENCE, RiggedEngine, ask, collect, contents, same, stored, write
from .lives import kept, live

pytestmark = pytest.mark.anyio


async def test_retention_deletes_snapshots_and_by_default_no_event() -> None:
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
            system, collect, key="k", initial_state=[], snapshot_every=1, retention=Retention(snapshots=1)
        )
        for msg in "abc":
            await ask(ref, msg)
            await asyncio.sleep(0)
        assert persistence_of(system).failed_snapshots == 1
    assert await kept(engine) == [3]


# --- what the journal must hold before anything is deleted -----------------------------------------------------------

KEEP_ONE = Retention(snapshots=1, delete_events=True)


async def stopped(ref: ActorRef[Any]) -> None:
    """Returns when the actor has been told to stop."""
    async with asyncio.timeout(PATIENCE):
        while not ref.is_stopped:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)


async def numbers(engine: RiggedEngine) -> list[tuple[int, bool]]:
    return [(event.sequence_number, event.is_deleted) for event in await stored(engine, "k")]


@pytest.mark.parametrize("lost", ["the last events", "all that differs"])
async def test_an_actor_whose_journal_lost_events_stops(lost: str, caplog: pytest.LogCaptureFixture) -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=2, retention=KEEP_ONE)
        for msg in "abc":
            await ask(ref, msg)
        engine.before_snapshot.shut()
        await ask(ref, "d")
        await engine.before_snapshot.arrival()
        del engine._storage.events["k"][-1:]  # a failover: this far the replica came
        if lost == "all that differs":
            await write(engine, "k", "D", after=3)
        engine.before_snapshot.open()
        await stopped(ref)
    assert await numbers(engine) == [(2, True), (3, False), *([(4, False)] if lost == "all that differs" else [])]
    assert await kept(engine) == [2, 4]
    assert "it stored event 4 of key 'k', and the journal now" in caplog.text
    assert await live(engine) == ["a", "b", "c", *("D" if lost == "all that differs" else "")]


async def test_nothing_is_deleted_for_a_snapshot_that_cant_be_decoded(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(data: Any) -> Any:
        raise ValueError(f"no state of {data}")

    engine = RiggedEngine()
    await live(engine, *range(5), snapshot_every=2, retention=KEEP_ONE, snapshot_codec=FunctionCodec(same, refuse))
    assert await numbers(engine) == [(number, False) for number in range(1, 6)]
    assert "no state of [0, 1]" in caplog.text
    assert await live(engine) == list(range(5))


async def test_nothing_is_deleted_for_a_snapshot_that_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    class Forgetful(RiggedEngine):
        async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> None:
            return None

    engine = Forgetful()
    await live(engine, *range(5), snapshot_every=2, retention=KEEP_ONE)
    assert await numbers(engine) == [(number, False) for number in range(1, 6)]
    assert "the snapshot isn't there any more" in caplog.text


async def test_an_actor_that_others_went_on_from_deletes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=2, retention=KEEP_ONE)
        await ask(ref, "a")
        engine.before_snapshot.shut()
        await ask(ref, "b")
        await engine.before_snapshot.arrival()
        await write(engine, "k", "c", "d", after=2)
        await engine.delete_events("k", up_to=3)
        engine.before_snapshot.open()
        assert await ask(ref) == ["a", "b"]
    assert await numbers(engine) == [(3, True), (4, False)]
    assert caplog.text == "", "its next event will tell it"
