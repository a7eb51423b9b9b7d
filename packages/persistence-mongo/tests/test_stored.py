"""Documents as they are stored and read back, of one event and of many."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, Decimal128, ObjectId
from mongo_servers.events import event, numbers
from pymongo.database import Database

from nact.errors import (
    CorruptJournalError,
    InvalidEventError,
    SequenceConflictError,
)
from nact.persistence import PersistedSnapshot
from nact_conformance.containers import MongoStorage
from nact_persistence_mongo import MongoPersistenceEngine

pytestmark = pytest.mark.anyio

Shell = Database[dict[str, Any]]


async def test_an_event_is_a_document_that_a_person_can_read(
    engine: MongoPersistenceEngine, shell: Shell, key: str
) -> None:
    await engine.persist(event(key, 1, {"name": "Ada", "years": [1815, 1852]}))
    stored = shell["event_journal"].find_one({"key": key, "sequence_number": 1})
    assert stored is not None
    assert stored["data"] == {"name": "Ada", "years": [1815, 1852]}


@pytest.mark.parametrize(
    "data", [{"$set": 1}, {"a": [{"$ref": "b", "$id": 1}]}, {"a\0b": 1}, [[[{"deep": 1}]]] * 2], ids=repr
)
async def test_data_that_bson_alters_come_back_exactly(engine: MongoPersistenceEngine, key: str, data: Any) -> None:
    for _ in range(100):
        data = [data]
    await engine.persist(event(key, 1, data))
    assert [each.data async for each in engine.events(key)] == [data]


async def test_whole_numbers_come_back_as_int_whatever_their_size(engine: MongoPersistenceEngine, key: str) -> None:
    await engine.persist(event(key, 1, {"small": 1, "large": 2**62}))
    (found,) = [each async for each in engine.events(key)]
    assert [type(value) for value in found.data.values()] == [int, int]


async def test_an_event_beyond_the_size_of_a_document_is_refused(engine: MongoPersistenceEngine, key: str) -> None:
    with pytest.raises(InvalidEventError, match="holds"):
        await engine.persist(event(key, 1, "x" * (16 * 1024 * 1024)))
    with pytest.raises(InvalidEventError, match="a batch is one document"):
        await engine.persist_all([event(key, number, "x" * (9 * 1024 * 1024)) for number in (1, 2)])
    assert await numbers(engine, key) == []


async def test_an_event_of_almost_the_size_of_a_document_is_kept(engine: MongoPersistenceEngine, key: str) -> None:
    text = "x" * (16 * 1024 * 1024 - 5000)
    await engine.persist(event(key, 1, text))
    assert [each.data == text async for each in engine.events(key)] == [True]


async def test_large_events_of_several_keys_are_all_stored(engine: MongoPersistenceEngine, key: str) -> None:
    sizes = {f"{key}-{megabytes}": megabytes * 1024 * 1024 for megabytes in (7, 15, 3)}
    await asyncio.gather(*(engine.persist(event(each, 1, "x" * size)) for each, size in sizes.items()))
    for each, size in sizes.items():
        assert [len(found.data) async for found in engine.events(each)] == [size]


@pytest.mark.parametrize(
    "foreign",
    [datetime(2020, 1, 1, tzinfo=UTC), ObjectId(), Binary(b"x"), Decimal128("1.5"), float("nan")],
    ids=lambda value: type(value).__name__,
)
async def test_values_of_other_programs_make_a_corrupt_journal(
    engine: MongoPersistenceEngine, shell: Shell, key: str, foreign: object
) -> None:
    await engine.persist_all([event(key, number, {"n": number}) for number in (1, 2)])
    await engine.persist(event(key, 3))
    shell["event_journal"].update_one({"key": key, "sequence_number": 3}, {"$set": {"data": {"when": foreign}}})
    with pytest.raises(CorruptJournalError) as caught:
        await numbers(engine, key)
    assert (caught.value.key, caught.value.sequence_number) == (key, 3)


async def test_a_batch_of_many_large_events_is_read_in_slices(engine: MongoPersistenceEngine, key: str) -> None:
    await engine.persist_all([event(key, number, "x" * 5000) for number in range(1, 2501)])
    await engine.persist(event(key, 2501))
    for after in (0, 17, 2400, 2499, 2500, 2501):
        assert await numbers(engine, key, after) == list(range(after + 1, 2502))


async def test_an_event_within_a_stored_batch_is_recognised(engine: MongoPersistenceEngine, key: str) -> None:
    batch = [event(key, number) for number in range(1, 6)]
    await engine.persist_all(batch)
    await engine.persist(batch[2])
    await engine.persist_all(batch[1:4])
    with pytest.raises(SequenceConflictError):
        await engine.persist(event(key, 3))
    assert await numbers(engine, key) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("after", range(9))
async def test_a_replay_can_begin_within_a_batch(engine: MongoPersistenceEngine, key: str, after: int) -> None:
    await engine.persist(event(key, 1))
    await engine.persist_all([event(key, number) for number in range(2, 6)])
    await engine.persist_all([event(key, number) for number in range(6, 8)])
    assert await numbers(engine, key, after) == list(range(after + 1, 8))


@pytest.mark.parametrize("up_to", range(1, 8))
async def test_a_deletion_can_end_within_a_batch(
    engine: MongoPersistenceEngine, server: MongoStorage, key: str, up_to: int
) -> None:
    await engine.persist(event(key, 1, "a secret"))
    await engine.persist_all([event(key, number, "a secret") for number in range(2, 6)])
    await engine.persist_all([event(key, number, "a secret") for number in range(6, 8)])
    for _ in range(2):
        await engine.delete_events(key, up_to=up_to)
        found = [(each.sequence_number, each.is_deleted, each.data) async for each in engine.events(key)]
        assert found == [(up_to, True, None), *((number, False, "a secret") for number in range(up_to + 1, 8))]
    with server.client() as client:
        kept = str(list(client["laws"]["event_journal"].find({"key": key}))).count("a secret")
    assert kept == 7 - up_to


@pytest.mark.parametrize("event_id", ["an id", "é\0🦊", None])
async def test_a_snapshot_names_its_event(engine: MongoPersistenceEngine, key: str, event_id: str | None) -> None:
    taken = PersistedSnapshot(key=key, sequence_number=1, data={"n": 1}, event_id=event_id)
    await engine.take_snapshot(taken)
    assert await engine.latest_snapshot(key) == taken


async def test_a_snapshot_from_before_events_were_named_has_no_event(
    engine: MongoPersistenceEngine, shell: Shell, key: str
) -> None:
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=1))
    stored = shell["snapshot_store"].find_one({"key": key})
    assert stored is not None
    assert "event_id" not in stored
    found = await engine.latest_snapshot(key)
    assert found is not None
    assert found.event_id is None


@pytest.mark.parametrize("event_id", [7, ""])
async def test_a_snapshot_with_an_event_id_of_another_kind_is_corrupt(
    engine: MongoPersistenceEngine, shell: Shell, key: str, event_id: object
) -> None:
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=1))
    shell["snapshot_store"].update_one({"key": key}, {"$set": {"event_id": event_id}})
    with pytest.raises(CorruptJournalError):
        await engine.latest_snapshot(key)
