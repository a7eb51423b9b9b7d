"""Metrics: what is counted, under which names, and what doesn't make a series of its own."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from nact import (
    ActorStoppedError,
    Context,
    Decision,
    EngineUnavailableError,
    MailboxFullError,
    SequenceConflictError,
    configure_persistence,
    dispatch,
    persistent_query,
    spawn,
    spawn_persistent,
    start,
    stop,
)
from nact.otel._instruments import Instruments, instruments_of
from nact.persistence import MemoryPersistenceEngine, PersistedEvent
from nact.persistence.building import group_commit
from nact.persistence.building.group_commit import GroupCommit, Outcome

from .telemetry import FailingEngine, Telemetry, ask, collect, echo

pytestmark = pytest.mark.anyio

SHOP = ("shop",)


async def store(items: Sequence[Any]) -> list[Outcome]:
    return [None] * len(items)


# --- durations and counts --------------------------------------------------------------------------------------------


async def test_each_query_persist_recovery_and_snapshot_is_timed() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin(), configure_persistence(MemoryPersistenceEngine()), name="shop") as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=2)
        for msg in "abc":
            await ask(ref, msg)
        await persistent_query(system, lambda state, msg: msg, key="k")()
    assert telemetry.values("nact.query.duration") == {SHOP: 3}
    assert telemetry.values("nact.persist.duration") == {SHOP: 3}
    assert telemetry.values("nact.recovery.duration") == {SHOP: 1}
    assert telemetry.values("nact.snapshot.duration") == {SHOP: 1}
    assert telemetry.values("nact.read.duration") == {SHOP: 1}


async def test_what_failed_is_counted_by_its_error() -> None:
    telemetry, engine = Telemetry(), FailingEngine()
    engine.write_error = EngineUnavailableError("gone")
    async with start(telemetry.plugin(), configure_persistence(engine), name="shop") as system:
        with pytest.raises(ActorStoppedError):
            await ask(spawn_persistent(system, collect, key="k", initial_state=[], on_crash=lambda *_: Decision.STOP))
    assert telemetry.values("nact.persist.duration") == {("shop", "EngineUnavailableError"): 1}
    assert telemetry.values("nact.query.duration") == {("shop", "ActorStoppedError"): 1}


async def test_conflicts_are_counted() -> None:
    telemetry, engine = Telemetry(), FailingEngine()
    async with start(telemetry.plugin(), configure_persistence(engine), name="shop") as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[])
        await ask(ref, "mine")
        await engine.persist(PersistedEvent(key="k", sequence_number=2, data="somebody else's"))
        with pytest.raises(ActorStoppedError):
            await ask(ref, "too late")
    assert telemetry.values("nact.persist.conflicts") == {SHOP: 1}
    assert telemetry.values("nact.persist.duration") == {SHOP: 1, ("shop", SequenceConflictError.__name__): 1}


async def test_recoveries_that_run_are_counted_while_they_do() -> None:
    class Held(MemoryPersistenceEngine):
        def __init__(self) -> None:
            super().__init__()
            self.reading = asyncio.Event()
            self.gate = asyncio.Event()

        async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> None:
            self.reading.set()
            await self.gate.wait()

    telemetry, engine = Telemetry(), Held()
    persistence = configure_persistence(engine, max_recoveries=1)
    async with start(telemetry.plugin(), persistence, name="shop") as system:
        refs = [spawn_persistent(system, collect, key=key, initial_state=[]) for key in "abc"]
        await engine.reading.wait()
        await asyncio.sleep(0)
        active = telemetry.values("nact.recovery.active")
        engine.gate.set()
        await asyncio.gather(*[ask(ref) for ref in refs])
    assert active == {SHOP: 3}, "those that wait for their turn, too"
    assert telemetry.values("nact.recovery.active") == {SHOP: 0}


async def test_snapshots_that_fail_are_counted() -> None:
    telemetry, engine = Telemetry(), FailingEngine()
    engine.snapshot_error = EngineUnavailableError("gone")
    async with start(telemetry.plugin(), configure_persistence(engine), name="shop") as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=1)
        await ask(ref)
    assert telemetry.values("nact.snapshot.failures") == {SHOP: 1}
    assert telemetry.values("nact.snapshot.duration") == {("shop", "EngineUnavailableError"): 1}


async def test_dead_letters_are_counted() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin(), name="shop") as system:
        ref = spawn(system, echo)
        dispatch(ref, "waits")
        stop(ref)
        dispatch(ref, "is late")
        assert system.dead_letters == 2
    assert telemetry.values("nact.dead_letters") == {SHOP: 2}


async def test_what_a_full_mailbox_refuses_is_counted() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin(), name="shop") as system:
        ref = spawn(system, echo, mailbox_limit=1)
        for msg in ("waits", "is refused", "is refused, too"):
            dispatch(ref, msg)
        with pytest.raises(MailboxFullError):
            await ask(ref)
        assert system.dead_letters == 2
        assert telemetry.values("nact.dead_letters") == {SHOP: 2}
    assert telemetry.values("nact.query.duration") == {("shop", "MailboxFullError"): 1}


# --- batches ---------------------------------------------------------------------------------------------------------


async def test_the_sizes_of_an_engine_s_batches_are_counted() -> None:
    telemetry = Telemetry()
    commits: GroupCommit[int] = GroupCommit(store)
    async with start(telemetry.plugin()):
        await commits.submit(1)
        await asyncio.gather(*[commits.submit(number) for number in range(7)])
    (point,) = telemetry.points("nact.group_commit.batch.size")
    assert (point.count, point.sum, point.min, point.max) == (2, 8, 1, 7)


async def test_batches_are_counted_once_however_many_systems_there_are_and_not_when_there_is_none() -> None:
    telemetry = Telemetry()
    commits: GroupCommit[int] = GroupCommit(store)
    before = list(group_commit._observers)
    async with start(telemetry.plugin()):
        async with start(telemetry.plugin()):
            await commits.submit(1)
        await commits.submit(2)
    await commits.submit(3)
    assert telemetry.values("nact.group_commit.batch.size") == {(): 2}
    assert group_commit._observers == before


# --- mailboxes -------------------------------------------------------------------------------------------------------


class Busy:
    """A handler that is held up by its first message."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()

    async def __call__(self, state: Any, msg: Any, ctx: Context[Any]) -> None:
        self.begun.set()
        await self.gate.wait()


async def test_what_waits_in_mailboxes_is_looked_at_when_metrics_are_collected() -> None:
    telemetry, busy = Telemetry(), Busy()
    async with start(telemetry.plugin(), name="shop") as system:
        parent = spawn(system, echo)
        first, second = spawn(parent, busy), spawn(system, busy)
        for ref, messages in ((first, 2), (second, 4)):
            for number in range(messages):
                dispatch(ref, number)
        await busy.begun.wait()
        await asyncio.sleep(0)
        found = [telemetry.values(name) for name in ("nact.mailbox.length", "nact.mailbox.longest", "nact.actor.count")]
        busy.gate.set()
    assert found == [{SHOP: 4}, {SHOP: 3}, {SHOP: 3}], "those in progress wait no more"
    assert telemetry.points("nact.mailbox.length") == []


async def test_each_collection_looks_again_and_once_for_all_figures() -> None:
    looked = 0

    def look(ref: Any) -> str:
        nonlocal looked
        looked += 1
        return "all"

    telemetry = Telemetry()
    async with start(telemetry.plugin(mailbox_group=look), name="shop") as system:
        ref = spawn(system, echo)
        found = []
        for _ in range(3):
            dispatch(ref, "waits")
            found.append(telemetry.values("nact.mailbox.length"))
    assert found == [{("shop", "all"): number} for number in (1, 2, 3)]
    assert looked == 3


async def test_an_actor_is_no_series_of_its_own_unless_somebody_groups_them() -> None:
    telemetry, grouped = Telemetry(), Telemetry()

    def by_name(ref: Any) -> str:
        return str(ref.name).partition("-")[0]

    async with (
        start(telemetry.plugin(), name="shop") as shop,
        start(grouped.plugin(mailbox_group=by_name), name="bank") as bank,
    ):
        for system in (shop, bank):
            for name in ("till-1", "till-2", "safe-1"):
                dispatch(spawn(system, echo, name), "waits")
        assert telemetry.values("nact.mailbox.length") == {("shop",): 3}
        assert grouped.values("nact.mailbox.length") == {("bank", "till"): 2, ("bank", "safe"): 1}
        assert grouped.values("nact.actor.count") == {("bank", "till"): 2, ("bank", "safe"): 1}


async def test_a_system_without_actors_has_empty_mailboxes() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin(), name="shop"):
        assert telemetry.values("nact.mailbox.length") == {SHOP: 0}


async def test_two_systems_share_the_instruments_of_a_provider() -> None:
    telemetry = Telemetry()
    async with start(telemetry.plugin(), name="a") as a, start(telemetry.plugin(), name="b") as b:
        await ask(spawn(a, echo))
        await ask(spawn(b, echo))
        assert telemetry.values("nact.query.duration") == {("a",): 1, ("b",): 1}
        assert telemetry.values("nact.actor.count") == {("a",): 1, ("b",): 1}


# --- conventions -----------------------------------------------------------------------------------------------------


async def test_durations_are_in_seconds_and_counts_in_what_is_counted() -> None:
    telemetry = Telemetry()
    instruments: Instruments = instruments_of(telemetry.meter_provider)
    for duration in (instruments.query_duration, instruments.persist_duration, instruments.recovery_duration):
        duration.record(1)
    instruments.snapshot_duration.record(1)
    instruments.read_duration.record(1)
    instruments.batch_size.record(1)
    for counter in (instruments.conflicts, instruments.snapshot_failures, instruments.dead_letters):
        counter.add(1)
    instruments.recoveries.add(1)
    async with start(telemetry.plugin()):
        assert telemetry.units() == {
            "nact.query.duration": "s",
            "nact.persist.duration": "s",
            "nact.recovery.duration": "s",
            "nact.read.duration": "s",
            "nact.snapshot.duration": "s",
            "nact.persist.conflicts": "{conflict}",
            "nact.recovery.active": "{recovery}",
            "nact.snapshot.failures": "{snapshot}",
            "nact.dead_letters": "{message}",
            "nact.group_commit.batch.size": "{write}",
            "nact.actor.count": "{actor}",
            "nact.mailbox.length": "{message}",
            "nact.mailbox.longest": "{message}",
        }
