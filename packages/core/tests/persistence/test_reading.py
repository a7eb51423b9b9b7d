"""The reader of a journal notices missing, damaged and contradictory records: they never make a wrong state."""

import logging
from typing import Any

import pytest

from nact import (
    ActorStoppedError,
    CorruptJournalError,
    Decision,
    FunctionCodec,
    configure_persistence,
    spawn_persistent,
    start,
)
from nact.persistence import MemoryStorage, PersistedSnapshot, PersistenceEngine, SnapshotStore
from nact.persistence.actor import persistence_of

from .doubles import JournalOnly, Judge, RiggedEngine, Scripted, ask, collect, same, write
from .doubles import scripted_event as event

pytestmark = pytest.mark.anyio


async def snapshot(engine: SnapshotStore, number: int, data: Any, key: str = "k") -> None:
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=number, data=data))


async def recovered(engine: PersistenceEngine, **options: Any) -> Any:
    """The state that an actor recovers to."""
    async with start(configure_persistence(engine, close=False)) as system:
        return await ask(spawn_persistent(system, collect, key="k", initial_state=[], **options))


async def fault_of(engine: PersistenceEngine, **options: Any) -> Exception:
    """Why an actor doesn't start, though its policy would like it to."""
    judge = Judge(Decision.RESUME)
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=judge, **options)
        with pytest.raises(ActorStoppedError):
            await ask(ref)
        return (await judge.fault())[1]


def assert_corrupt(error: Exception, sequence_number: int | None, reason: str) -> None:
    assert isinstance(error, CorruptJournalError)
    assert (error.key, error.sequence_number) == ("k", sequence_number)
    assert reason in str(error)


def losing(storage: MemoryStorage, *numbers: int) -> MemoryStorage:
    """The storage with these events of the journal lost: neither deleted nor there."""
    storage.events["k"] = [event for event in storage.events["k"] if event.sequence_number not in numbers]
    return storage


# --- events ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [([2, 3], 1), ([1, 3], 2), ([1, 2, 4], 3), ([1, 1], 2), ([1, 3, 2], 2)],
    ids=["no beginning", "gap", "gap near the end", "twice", "out of order"],
)
async def test_a_journal_with_a_gap_or_out_of_order_isnt_recovered_from(numbers: list[int], missing: int) -> None:
    error = await fault_of(Scripted(*map(event, numbers)))
    assert_corrupt(error, missing, f"event {missing} is missing")


@pytest.mark.parametrize("numbers", [[1, 1], [1, 2, 1], [2, 1]], ids=repr)
async def test_a_deleted_event_out_of_order_makes_the_journal_corrupt(numbers: list[int]) -> None:
    *before, last = numbers
    journal = [event(number, deleted=True) for number in before[:1]] + [event(number) for number in before[1:]]
    error = await fault_of(Scripted(*journal, event(last, deleted=True)), skip_deleted=True)
    assert_corrupt(error, max(numbers) + 1, "is missing")


async def test_an_event_that_the_decoder_refuses_is_named() -> None:
    engine = RiggedEngine()
    await write(engine, "k", 1, 2, "three")
    error = await fault_of(engine, codec=FunctionCodec(same, lambda data: data + 1))
    assert_corrupt(error, 3, "the decoder refuses what is stored: TypeError")
    assert isinstance(error.__cause__, TypeError)


async def test_an_engine_without_any_ability_is_enough() -> None:
    engine = JournalOnly()
    assert await recovered(engine) == []
    async with start(configure_persistence(engine)) as system:
        await ask(spawn_persistent(system, collect, key="k", initial_state=[]), "a")
    assert await recovered(engine) == ["a"]


# --- snapshots -------------------------------------------------------------------------------------------------------


async def test_a_snapshot_and_the_events_after_it_are_all_that_is_read() -> None:
    engine = RiggedEngine(MemoryStorage())
    await write(engine, "k", "a", "b", "c", "d")
    await snapshot(engine, 3, ["abc"])
    losing(engine._storage, 1, 2)
    assert await recovered(engine) == ["abc", "d"]


async def test_a_snapshot_at_the_end_of_the_journal_is_all_of_the_state() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b")
    await snapshot(engine, 2, ["ab"])
    assert await recovered(engine) == ["ab"]


async def test_a_snapshot_decoder_makes_the_state() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b")
    await snapshot(engine, 1, {"is": ["A"]})
    assert await recovered(engine, snapshot_codec=FunctionCodec(same, lambda data: data["is"])) == ["A", "b"]


@pytest.mark.parametrize(
    ("unreadable", "expected"),
    [({3}, ["ab", "c", "d"]), ({3, 2}, ["a", "b", "c", "d"])],
    ids=["an older one is used", "all events are used"],
)
async def test_a_damaged_snapshot_is_logged_and_not_used(
    unreadable: set[int], expected: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c", "d")
    await snapshot(engine, 2, ["ab"])
    await snapshot(engine, 3, ["abc"])
    engine.unreadable_snapshots = unreadable
    async with start(configure_persistence(engine)) as system:
        assert await ask(spawn_persistent(system, collect, key="k", initial_state=[])) == expected
        assert persistence_of(system).failed_snapshots == len(unreadable)
    logged = [record for record in caplog.records if record.name == "nact.persistence"]
    assert [(r.levelno, r.__dict__["nact_sequence_number"]) for r in logged] == [
        (logging.ERROR, number) for number in sorted(unreadable, reverse=True)
    ]
    assert "the snapshot of key 'k' at 3 can't be used" in logged[0].getMessage()


async def test_a_snapshot_that_the_decoder_refuses_is_passed_over() -> None:
    def decode(data: Any) -> Any:
        if data == "written by a newer program":
            raise ValueError("version 9")
        return data

    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    await snapshot(engine, 1, ["A"])
    await snapshot(engine, 2, "written by a newer program")
    assert await recovered(engine, snapshot_codec=FunctionCodec(same, decode)) == ["A", "b", "c"]


async def test_a_damaged_snapshot_whose_number_isnt_known_has_all_events_read() -> None:
    class Damaged(RiggedEngine):
        async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> None:
            raise CorruptJournalError("the snapshot table is damaged", key)

    engine = Damaged()
    await write(engine, "k", "a", "b")
    assert await recovered(engine) == ["a", "b"]


async def test_a_snapshot_ahead_of_its_journal_is_passed_over() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    await snapshot(engine, 2, ["ab"])
    await snapshot(engine, 9, ["of a journal that was lost"])
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[])
        assert await ask(ref, "d") == ["ab", "c", "d"]
        assert await engine.highest_sequence_number("k") == 4
        assert persistence_of(system).failed_snapshots == 1


@pytest.mark.parametrize("number", [1, 5])
async def test_a_snapshot_without_any_event_means_that_the_events_were_lost(number: int) -> None:
    engine = RiggedEngine()
    await snapshot(engine, number, ["of a journal that was lost"])
    assert_corrupt(await fault_of(engine), None, f"there is a snapshot at {number}, but no event")


async def test_a_snapshot_ahead_of_its_journal_is_seen_without_the_ability_to_tell_the_highest_number() -> None:
    class JournalAndSnapshots(JournalOnly):
        async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
            return await self.inner.latest_snapshot(key, up_to=up_to)

        async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
            await self.inner.take_snapshot(snapshot)

        async def delete_snapshots(self, key: str, *, up_to: int) -> None:
            await self.inner.delete_snapshots(key, up_to=up_to)

    engine = JournalAndSnapshots()
    await write(engine.inner, "k", "a", "b")
    await snapshot(engine, 2, ["ab"])
    assert await recovered(engine) == ["ab"]
    await snapshot(engine, 3, ["abc"])
    assert await recovered(engine) == ["ab"]


async def test_an_event_that_a_snapshot_stands_for_may_be_gone_without_a_trace() -> None:
    engine = Scripted(event(4), event(5))
    await snapshot(engine, 3, ["123"])
    assert await recovered(engine) == ["123", 4, 5]


async def test_events_missing_after_a_snapshot_raise() -> None:
    engine = Scripted(event(5))
    await snapshot(engine, 3, ["123"])
    assert_corrupt(await fault_of(engine), 3, "event 3 is missing; 5 comes next")


@pytest.mark.parametrize("deleted_up_to", [2, 3])
async def test_deleted_events_under_an_unusable_snapshot_raise(
    deleted_up_to: int,
) -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c", "d")
    await snapshot(engine, 3, ["abc"])
    await engine.delete_events("k", up_to=deleted_up_to)
    assert await recovered(engine) == ["abc", "d"]
    engine.unreadable_snapshots = {3}
    error = await fault_of(engine)
    assert_corrupt(error, deleted_up_to, f"events 1 to {deleted_up_to} were deleted")
    assert "the snapshot at 3 can't be used: " in str(error)


async def test_an_older_snapshot_serves_where_only_events_that_it_stands_for_were_deleted() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c", "d")
    await snapshot(engine, 2, ["ab"])
    await snapshot(engine, 3, ["abc"])
    await engine.delete_events("k", up_to=2)
    engine.unreadable_snapshots = {3}
    assert await recovered(engine) == ["ab", "c", "d"]


async def test_an_engine_that_fails_for_another_reason_than_a_damaged_snapshot_isnt_gone_around() -> None:
    class Unreachable(RiggedEngine):
        async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> None:
            raise OSError("the network is down")

    engine = Unreachable()
    await write(engine, "k", "a")
    assert isinstance(await fault_of(engine), OSError)
