"""The in-memory engine: the reference implementation of the contract."""

from typing import Any

import pytest

from nact import CorruptJournalError, InvalidEventError, SequenceConflictError
from nact.persistence import (
    AtomicBatches,
    EventDeletion,
    HighestSequenceNumber,
    KeyListing,
    MemoryPersistenceEngine,
    PersistenceEngine,
    SnapshotStore,
)
from nact.persistence.records import tombstone

from .doubles import contents, stored, write
from .in_memory import event, snapshot

pytestmark = pytest.mark.anyio


async def keys(engine: KeyListing, **options: str) -> set[str]:
    listing = engine.keys(**options)
    return {key async for key in listing}


@pytest.mark.parametrize(
    "ability", [PersistenceEngine, SnapshotStore, AtomicBatches, EventDeletion, HighestSequenceNumber, KeyListing]
)
def test_it_has_every_ability(ability: Any) -> None:
    assert isinstance(MemoryPersistenceEngine(), ability)


# --- events ----------------------------------------------------------------------------------------------------------


async def test_events_come_back_as_they_were_persisted() -> None:
    engine = MemoryPersistenceEngine()
    events = [event(1, {"a": [1, 2.5, None]}, tags=["x"]), event(2, "b")]
    for each in events:
        await engine.persist(each)
    assert await stored(engine, "k") == events


async def test_metadata_comes_back_exactly_and_isnt_shared() -> None:
    engine = MemoryPersistenceEngine()
    metadata: dict[str, Any] = {"by": "ann", "why": ["a", {"b": None}]}
    written = event(1, metadata=metadata)
    await engine.persist(written)
    await engine.take_snapshot(snapshot(1, metadata=metadata))
    metadata["by"] = "bob"
    (found,) = await stored(engine, "k")
    taken = await engine.latest_snapshot("k")
    assert taken is not None
    assert found.metadata == taken.metadata == {"by": "ann", "why": ["a", {"b": None}]}


async def test_metadata_that_isnt_json_is_refused() -> None:
    engine = MemoryPersistenceEngine()
    with pytest.raises(InvalidEventError, match=r"metadata\.by: object"):
        await engine.persist(event(1, metadata={"by": object()}))
    assert await stored(engine, "k") == []


async def test_a_journal_may_begin_with_a_tombstone_and_goes_on_after_it() -> None:
    engine = MemoryPersistenceEngine()
    dead = tombstone(event(7))
    await engine.persist(dead)
    await engine.persist(dead)  # a retry
    following = event(8)
    await engine.persist(following)
    assert await stored(engine, "k") == [dead, following]
    assert await engine.highest_sequence_number("k") == 8


async def test_a_tombstone_is_refused_where_there_is_a_record() -> None:
    engine = MemoryPersistenceEngine()
    await engine.persist(event(1))
    for number in (1, 2, 9):
        with pytest.raises(SequenceConflictError):
            await engine.persist(tombstone(event(number)))
    assert [each.sequence_number for each in await stored(engine, "k")] == [1]


async def test_a_key_that_was_never_written_has_no_events() -> None:
    assert await stored(MemoryPersistenceEngine(), "k") == []


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ({"after": 2}, [3, 4, 5]),
        ({"after": 5}, []),
        ({"after": 9}, []),
        ({"limit": 2}, [1, 2]),
        ({"limit": 0}, []),
        ({"after": 1, "limit": 3}, [2, 3, 4]),
        ({"tags": ["even"]}, [2, 4]),
        ({"tags": ["even", "big"]}, [4]),
        ({"tags": ["even"], "limit": 1}, [2]),
        ({"tags": ["none"]}, []),
    ],
    ids=repr,
)
async def test_a_window_and_tags_select_events(window: dict[str, Any], expected: list[int]) -> None:
    engine = MemoryPersistenceEngine()
    for number in range(1, 6):
        tags = [tag for tag, given in (("even", number % 2 == 0), ("big", number > 3)) if given]
        await engine.persist(event(number, tags=tags))
    assert [each.sequence_number async for each in engine.events("k", **window)] == expected


@pytest.mark.parametrize("window", [{"after": -1}, {"limit": -1}, {"tags": "text"}], ids=repr)
async def test_another_window_is_refused(window: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        await anext(MemoryPersistenceEngine().events("k", **window))


async def test_what_is_persisted_while_somebody_reads_is_read_too() -> None:
    engine = MemoryPersistenceEngine()
    await write(engine, "k", "a")
    reading = engine.events("k")
    assert (await anext(reading)).data == "a"
    await write(engine, "k", "b", after=1)
    assert (await anext(reading)).data == "b"


async def test_stored_data_is_shared_with_no_caller() -> None:
    engine = MemoryPersistenceEngine()
    data = {"a": [1]}
    await engine.persist(event(1, data))
    await engine.take_snapshot(snapshot(1, data))
    data["a"].append(2)
    (await stored(engine, "k"))[0].data["a"].append(3)
    kept = await engine.latest_snapshot("k")
    assert kept is not None
    kept.data["a"].append(4)
    again = await engine.latest_snapshot("k")
    assert again is not None
    assert (await contents(engine, "k"), again.data) == ([(1, {"a": [1]})], {"a": [1]})


@pytest.mark.parametrize("number", [1, 2, 4, 9])
async def test_a_number_that_isnt_the_next_is_a_conflict_and_stores_nothing(number: int) -> None:
    engine = MemoryPersistenceEngine()
    await write(engine, "k", "a", "b")
    with pytest.raises(SequenceConflictError) as caught:
        await engine.persist(event(number, "c"))
    assert (caught.value.key, caught.value.attempted, caught.value.highest) == ("k", number, 2)
    assert await contents(engine, "k") == [(1, "a"), (2, "b")]


async def test_a_conflict_on_a_new_key_leaves_no_trace_of_it() -> None:
    engine = MemoryPersistenceEngine()
    with pytest.raises(SequenceConflictError):
        await engine.persist(event(2))
    assert await keys(engine) == set()


async def test_the_same_event_again_succeeds_and_is_stored_once() -> None:
    engine = MemoryPersistenceEngine()
    first, second = event(1, "a"), event(2, "b")
    for each in (first, first, second, first, second):
        await engine.persist(each)
    assert await stored(engine, "k") == [first, second]


async def test_a_batch_is_stored_as_a_whole_and_again_once() -> None:
    engine = MemoryPersistenceEngine()
    batch = [event(1, "a"), event(2, "b")]
    await engine.persist_all(batch)
    await engine.persist_all(batch)
    await engine.persist_all([])
    assert await stored(engine, "k") == batch


async def test_a_batch_with_a_conflict_or_bad_data_stores_nothing() -> None:
    engine = MemoryPersistenceEngine()
    batch = [event(1, "a"), event(2, "b")]
    await engine.persist_all(batch)
    for bad, error in (
        ([batch[1], event(3)], SequenceConflictError),
        ([event(2), event(3)], SequenceConflictError),
        ([event(4), event(5)], SequenceConflictError),
        ([event(3), event(4, object())], InvalidEventError),
        ([event(3), event(5)], InvalidEventError),
        ([tombstone(event(3))], SequenceConflictError),
    ):
        with pytest.raises(error):
            await engine.persist_all(bad)
    assert await stored(engine, "k") == batch


async def test_a_gap_in_the_storage_is_reported_unless_tags_select_events() -> None:
    engine = MemoryPersistenceEngine()
    for number in range(1, 4):
        await engine.persist(event(number, tags=["t"]))
    del engine._storage.events["k"][1]
    with pytest.raises(CorruptJournalError) as caught:
        await stored(engine, "k")
    assert (caught.value.key, caught.value.sequence_number) == ("k", 3)
    assert [each.sequence_number async for each in engine.events("k", tags=["t"])] == [1, 3]


async def test_what_isnt_json_in_the_storage_is_reported() -> None:
    engine = MemoryPersistenceEngine()
    await engine.persist(event(1))
    await engine.take_snapshot(snapshot(1))
    engine._storage.events["k"][0] = event(1, b"{")
    engine._storage.snapshots["k"][1] = snapshot(1, b"{")
    for read in (lambda: stored(engine, "k"), lambda: engine.latest_snapshot("k")):
        with pytest.raises(CorruptJournalError, match="not JSON") as caught:
            await read()
        assert (caught.value.key, caught.value.sequence_number) == ("k", 1)


# --- deletion, highest number, keys ----------------------------------------------------------------------------------


async def test_deleting_events_leaves_a_tombstone_and_the_highest_number() -> None:
    engine = MemoryPersistenceEngine()
    await write(engine, "k", "a", "b", "c")
    for up_to, expected in (
        (0, [(1, "a"), (2, "b"), (3, "c")]),
        (2, [(2, None), (3, "c")]),
        (1, [(2, None), (3, "c")]),
        (99, [(3, None)]),
        (99, [(3, None)]),
    ):
        await engine.delete_events("k", up_to=up_to)
        assert await contents(engine, "k") == expected
        assert await engine.highest_sequence_number("k") == 3
    assert [each.is_deleted for each in await stored(engine, "k")] == [True]
    await engine.delete_events("never written", up_to=5)


async def test_a_journal_goes_on_after_deleted_events() -> None:
    engine = MemoryPersistenceEngine()
    await write(engine, "k", "a", "b", "c")
    await engine.delete_events("k", up_to=3)
    await write(engine, "k", "d", after=3)
    assert [each.sequence_number async for each in engine.events("k", after=1)] == [3, 4]
    assert [each.sequence_number async for each in engine.events("k", after=3)] == [4]
    with pytest.raises(SequenceConflictError):
        await engine.persist(event(1))


async def test_the_highest_number_of_a_key_that_was_never_written_is_0() -> None:
    assert await MemoryPersistenceEngine().highest_sequence_number("k") == 0


async def test_keys_are_those_that_ever_had_an_event_by_their_prefix() -> None:
    engine = MemoryPersistenceEngine()
    for key in ("user:1", "user:2", "order:1"):
        await write(engine, key, "a")
    await engine.delete_events("user:2", up_to=1)
    await engine.take_snapshot(snapshot(1, key="only a snapshot"))
    assert await keys(engine) == {"user:1", "user:2", "order:1"}
    assert await keys(engine, prefix="user:") == {"user:1", "user:2"}
