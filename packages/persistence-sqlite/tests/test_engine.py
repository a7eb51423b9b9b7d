"""The contract, seen from the event loop."""

# ruff: noqa: ASYNC240, SIM118 - a test may block, an engine is no dict

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nact.errors import InvalidEventError, SequenceConflictError
from nact.persistence import (
    AtomicBatches,
    ClosableEngine,
    DurabilityLevel,
    EventDeletion,
    HighestSequenceNumber,
    KeyListing,
    PersistedEvent,
    PersistedSnapshot,
    PersistenceEngine,
    SnapshotStore,
)
from nact_persistence_sqlite import SqlitePersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]


async def journal(engine: SqlitePersistenceEngine, key: str, **window: Any) -> list[PersistedEvent]:
    return [event async for event in engine.events(key, **window)]


# --- events ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ability",
    [
        PersistenceEngine,
        AtomicBatches,
        ClosableEngine,
        DurabilityLevel,
        EventDeletion,
        HighestSequenceNumber,
        KeyListing,
        SnapshotStore,
    ],
)
def test_the_engine_has_every_ability(ability: type, path: Path) -> None:
    assert isinstance(SqlitePersistenceEngine(path), ability)


async def test_what_was_persisted_is_replayed_equal(engine: SqlitePersistenceEngine, key: str) -> None:
    data = {"s": "ñ\0\u2028😀", "f": 1e22, "big": 2**63 - 1, "n": None, "l": [True, 0, -0.5, {}], "": []}
    event = PersistedEvent(key=key, sequence_number=1, data=data, tags=("b", "a,\"'\0"), created_at=-5)
    await engine.persist(event)
    assert await journal(engine, key) == [event]


async def test_another_engine_sees_what_was_persisted(
    engine: SqlitePersistenceEngine, path: Path, key: str, numbered: Numbered
) -> None:
    events = numbered(key, 1, 3)
    await engine.persist_all(events)
    async with SqlitePersistenceEngine(path) as other:
        assert await journal(other, key) == events


@pytest.mark.parametrize(
    "names",
    [
        ("a", "A"),
        ("a", "a ", " a"),
        ("é", "e\u0301"),
        ("a", "a\0", "a\0b"),
        ("%", "_", "*", "x"),
        ("1", "01", "1.0"),
        ("'", '"', "\\", ";--"),
        ("\ufffe", "\U0001f600", "\ufeff"),
    ],
)
async def test_no_two_keys_are_the_same(engine: SqlitePersistenceEngine, names: tuple[str, ...]) -> None:
    for name in names:
        await engine.persist(PersistedEvent(key=name, sequence_number=1, data=name))
    assert [(await journal(engine, name))[0].data for name in names] == list(names)
    assert {name async for name in engine.keys()} == set(names)


async def test_a_window_bounds_the_replay(engine: SqlitePersistenceEngine, key: str, numbered: Numbered) -> None:
    events = numbered(key, 1, 10)
    await engine.persist_all(events)
    assert await journal(engine, key, after=3, limit=4) == events[3:7]
    assert await journal(engine, key, after=10) == await journal(engine, key, limit=0) == []


async def test_only_events_with_every_wanted_tag_are_replayed(engine: SqlitePersistenceEngine, key: str) -> None:
    for number, tags in enumerate([("a",), ("a", "b"), ("b",), (), ("a", "b", "c"), ("a,b",)], start=1):
        await engine.persist(PersistedEvent(key=key, sequence_number=number, data=None, tags=tags))
    assert [event.sequence_number for event in await journal(engine, key, tags=("b", "a"))] == [2, 5]
    assert [event.sequence_number for event in await journal(engine, key, tags=("b", "a"), limit=1)] == [2]


@pytest.mark.parametrize("data", [float("nan"), (1,), {1: 2}, "\ud800", 2**63, b"", {"a": [object()]}])
async def test_data_that_would_not_come_back_equal_is_refused(
    engine: SqlitePersistenceEngine, key: str, data: object
) -> None:
    with pytest.raises(InvalidEventError):
        await engine.persist(PersistedEvent(key=key, sequence_number=1, data=data))
    assert await engine.highest_sequence_number(key) == 0


@pytest.mark.parametrize(
    "fields",
    [{"created_at": 2**63}, {"created_at": 1.5}, {"created_at": "now"}, {"event_id": 7}, {"event_id": "\ud800"}],
)
async def test_a_record_that_would_not_come_back_equal_is_refused(
    engine: SqlitePersistenceEngine, key: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(InvalidEventError, match=next(iter(fields))):
        await engine.persist(PersistedEvent(key=key, sequence_number=1, data=None, **fields))


async def test_invalid_arguments_are_refused(engine: SqlitePersistenceEngine, key: str) -> None:
    with pytest.raises(ValueError, match="after"):
        await journal(engine, key, after=-1)
    with pytest.raises(ValueError, match="key"):
        await journal(engine, "")
    with pytest.raises(TypeError, match="up_to"):
        await engine.delete_events(key, up_to="1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="prefix"):
        [name async for name in engine.keys(prefix="\ud800")]
    with pytest.raises(TypeError, match="PersistedSnapshot"):
        await engine.take_snapshot({})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="PersistedEvent"):
        await engine.persist({})  # type: ignore[arg-type]


# --- deletion, listing, snapshots --------------------------------------------------------------------------------


async def test_a_deletion_leaves_a_tombstone_and_the_highest_number(
    engine: SqlitePersistenceEngine, path: Path, key: str, numbered: Numbered
) -> None:
    events = numbered(key, 1, 5, tags=("t",))
    await engine.persist_all(events)
    await engine.delete_events(key, up_to=3)
    (tombstone, *rest) = await journal(engine, key)
    assert (tombstone.sequence_number, tombstone.is_deleted, tombstone.data, tombstone.tags) == (3, True, None, ())
    assert rest == events[3:]
    await engine.delete_events(key, up_to=2**70)
    assert await engine.highest_sequence_number(key) == 5
    await engine.persist(numbered(key, 6, 6)[0])
    assert [event.sequence_number for event in await journal(engine, key)] == [5, 6]


async def test_a_deletion_of_many_events_deletes_all(
    engine: SqlitePersistenceEngine, key: str, numbered: Numbered
) -> None:
    await engine.persist_all(numbered(key, 1, 12_000))
    await engine.delete_events(key, up_to=2**63)
    assert [event.sequence_number for event in await journal(engine, key)] == [12_000]


async def test_deleted_data_is_not_left_in_the_file(
    engine: SqlitePersistenceEngine, path: Path, key: str, numbered: Numbered
) -> None:
    await engine.persist_all(numbered(key, 1, 50, data="a secret" * 50))
    await engine.delete_events(key, up_to=50)
    await engine.aclose()
    assert b"a secret" not in path.read_bytes()


async def test_keys_with_a_prefix_are_listed_once_each(path: Path, numbered: Numbered) -> None:
    async with SqlitePersistenceEngine(path, page_size=2) as engine:
        for name in ("a", "b:1", "b:2", "b:3", "b", "b;", "c", "B:1"):
            await engine.persist_all(numbered(name, 1, 3))
        await engine.delete_events("b:2", up_to=3)
        assert [name async for name in engine.keys(prefix="b:")] == ["b:1", "b:2", "b:3"]
        assert [name async for name in engine.keys()] == ["B:1", "a", "b", "b:1", "b:2", "b:3", "b;", "c"]
        assert [name async for name in engine.keys(prefix="x")] == []


async def test_the_latest_snapshot_is_the_one_with_the_highest_number(
    engine: SqlitePersistenceEngine, key: str
) -> None:
    snapshots = [PersistedSnapshot(key=key, sequence_number=number, data={"n": number}) for number in (20, 40, 30)]
    for snapshot in snapshots:
        await engine.take_snapshot(snapshot)
    assert await engine.latest_snapshot(key) == snapshots[1]
    assert await engine.latest_snapshot(key, up_to=39) == snapshots[2]
    await engine.delete_snapshots(key, up_to=30)
    assert await engine.latest_snapshot(key, up_to=39) is None
    assert await engine.latest_snapshot(key) == snapshots[1]


async def test_a_snapshot_replaces_one_of_the_same_number(engine: SqlitePersistenceEngine, key: str) -> None:
    for data in ("old", "new"):
        await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=data))
    latest = await engine.latest_snapshot(key)
    assert latest is not None
    assert latest.data == "new"


async def test_an_error_of_ours_has_the_drivers_as_its_cause(
    engine: SqlitePersistenceEngine, key: str, numbered: Numbered
) -> None:
    await engine.persist(numbered(key, 1, 1)[0])
    with pytest.raises(SequenceConflictError) as raised:
        await engine.persist(numbered(key, 1, 1)[0])
    assert isinstance(raised.value.__cause__, sqlite3.IntegrityError)
    assert (raised.value.key, raised.value.attempted, raised.value.highest) == (key, 1, 1)
