"""Metadata: stored beside the data as a document that a person can read, exactly or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from mongo_servers.events import event
from pymongo.database import Database

from nact.errors import CorruptJournalError, InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_persistence_mongo import MongoPersistenceEngine

pytestmark = pytest.mark.anyio

Shell = Database[dict[str, Any]]
WHO = {"by": "ann", "roles": ["clerk", {"since": 2020}], "nact.command": "c-1"}


def told(key: str, number: int, metadata: dict[str, Any], data: Any = None) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=data, metadata=metadata)


async def metadata_of(engine: MongoPersistenceEngine, key: str) -> list[dict[str, Any]]:
    return [dict(each.metadata) async for each in engine.events(key)]


async def test_metadata_is_a_document_that_a_person_can_read(
    engine: MongoPersistenceEngine, shell: Shell, key: str
) -> None:
    await engine.persist(told(key, 1, WHO))
    await engine.persist_all([told(key, 2, WHO), told(key, 3, {}), told(key, 4, {"by": "bob"})])
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=4, data=1, metadata=WHO))
    single, batch = shell["event_journal"].find({"key": key}, sort=[("sequence_number", 1)])
    assert single["metadata"] == WHO
    assert [each.get("metadata") for each in batch["events"]] == [WHO, None, {"by": "bob"}]
    snapshot = shell["snapshot_store"].find_one({"key": key})
    assert snapshot is not None
    assert snapshot["metadata"] == WHO
    found = await engine.latest_snapshot(key)
    assert found is not None
    assert (await metadata_of(engine, key), found.metadata) == ([WHO, WHO, {}, {"by": "bob"}], WHO)


async def test_empty_metadata_is_not_stored(engine: MongoPersistenceEngine, shell: Shell, key: str) -> None:
    await engine.persist(event(key, 1))
    await engine.persist_all([event(key, 2), event(key, 3)])
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=1))
    stored = [*shell["event_journal"].find({"key": key}), *shell["snapshot_store"].find({"key": key})]
    assert len(stored) == 3
    assert "metadata" not in str(stored)


@pytest.mark.parametrize(
    "metadata",
    [{"$set": 1}, {"a": [{"$ref": "b", "$id": 1}]}, {"a\0b": 1}, {"n": [2**62, 1.0, 1, True, None]}],
    ids=repr,
)
async def test_metadata_that_bson_alters_comes_back_exactly(
    engine: MongoPersistenceEngine, shell: Shell, key: str, metadata: dict[str, Any]
) -> None:
    await engine.persist(told(key, 1, metadata, {"readable": 1}))
    await engine.persist(told(key, 2, {"readable": 1}, metadata))
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=2, data=1, metadata=metadata))
    found = await engine.latest_snapshot(key)
    assert found is not None
    assert repr([*await metadata_of(engine, key), found.metadata]) == repr([metadata, {"readable": 1}, metadata])
    # What BSON holds stays readable beside what it doesn't.
    first, second = shell["event_journal"].find({"key": key}, sort=[("sequence_number", 1)])
    assert (first["data"], second["metadata"]) == ({"readable": 1}, {"readable": 1})


@pytest.mark.parametrize(
    "metadata", [{"n": float("nan")}, {"when": datetime(2020, 1, 1, tzinfo=UTC)}, {"x": (1,)}, {1: 1}]
)
async def test_metadata_that_is_not_json_is_refused(
    engine: MongoPersistenceEngine, key: str, metadata: dict[str, Any]
) -> None:
    for write in (engine.persist(told(key, 1, metadata)), engine.persist_all([event(key, 1), told(key, 2, metadata)])):
        with pytest.raises(InvalidEventError, match="metadata"):
            await write
    with pytest.raises(InvalidEventError, match="metadata"):
        await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=1, metadata=metadata))
    assert await engine.highest_sequence_number(key) == 0
    assert await engine.latest_snapshot(key) is None


@pytest.mark.parametrize(
    "stored",
    [
        {"metadata": "by ann"},
        {"metadata": None},
        {"metadata": ["ann"]},
        {"metadata": {"when": datetime(2020, 1, 1, tzinfo=UTC)}},
        {"metadata_json": "{by: ann}"},
        {"metadata_json": "[1]"},
        {"metadata_json": None},
    ],
    ids=repr,
)
async def test_metadata_of_another_kind_is_corrupt(
    engine: MongoPersistenceEngine, shell: Shell, key: str, stored: dict[str, Any]
) -> None:
    await engine.persist(event(key, 1))
    await engine.persist(event(key, 2))
    shell["event_journal"].update_one({"key": key, "sequence_number": 2}, {"$set": stored})
    with pytest.raises(CorruptJournalError) as caught:
        await metadata_of(engine, key)
    assert (caught.value.key, caught.value.sequence_number) == (key, 2)
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=5, data=1))
    shell["snapshot_store"].update_one({"key": key}, {"$set": stored})
    with pytest.raises(CorruptJournalError) as caught:
        await engine.latest_snapshot(key)
    assert (caught.value.key, caught.value.sequence_number) == (key, 5)


@pytest.mark.parametrize("up_to", range(1, 7))
async def test_a_deletion_removes_metadata(engine: MongoPersistenceEngine, shell: Shell, key: str, up_to: int) -> None:
    secret, odd = {"by": "a secret"}, {"$by": "a secret"}
    await engine.persist(told(key, 1, secret))
    await engine.persist_all([told(key, number, odd if number % 2 else secret) for number in range(2, 5)])
    await engine.persist(told(key, 5, odd))
    await engine.persist(told(key, 6, secret))
    await engine.delete_events(key, up_to=up_to)
    assert str(list(shell["event_journal"].find({"key": key}))).count("a secret") == 6 - up_to
    kept = [secret, secret, odd, secret, odd, secret][up_to:]
    assert await metadata_of(engine, key) == [{}, *kept]
