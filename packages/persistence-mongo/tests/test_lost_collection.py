"""Collections that are dropped or emptied, or lose their index, while engines are open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from mongo_servers.events import event, numbers
from pymongo import AsyncMongoClient
from pymongo.database import Database

from nact.errors import CorruptJournalError, EngineUnavailableError, OutcomeUnknownError, SequenceConflictError
from nact.persistence import PersistedSnapshot
from nact_conformance.containers import MongoStorage
from nact_persistence_mongo import MongoPersistenceEngine, _schema

pytestmark = pytest.mark.anyio

Shell = Database[dict[str, Any]]
Engines = tuple[MongoPersistenceEngine, MongoPersistenceEngine]
REFUSALS = {EngineUnavailableError, OutcomeUnknownError, SequenceConflictError}


@pytest.fixture
def own(server: MongoStorage) -> Iterator[Shell]:
    """A database that the test may ruin."""
    with server.client() as client:
        database = client[f"ruined-{uuid4()}"]
        yield database
        client.drop_database(database.name)


@pytest.fixture(params=["new server", "old server"])
async def engines(
    server: MongoStorage, own: Shell, key: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Engines]:
    """Two engines that have read and written the same key. An old server has no UUIDs in commands."""
    if request.param == "old server":
        monkeypatch.setattr(_schema, "_MONGODB_6", 1000)
    client: AsyncMongoClient[Any] = AsyncMongoClient(server.bare_url)
    one, other = (MongoPersistenceEngine(client, database=own.name, retry_for=5) for _ in range(2))
    async with client, one, other:
        for number in range(1, 4):
            await one.persist(event(key, number))
        assert await numbers(other, key) == [1, 2, 3]
        yield one, other


async def persist_both(engines: Engines, key: str, number: int) -> list[type]:
    writes = [engine.persist(event(key, number)) for engine in engines]
    return [type(outcome) for outcome in await asyncio.gather(*writes, return_exceptions=True)]


async def test_after_a_drop_no_writer_wins(engines: Engines, own: Shell, key: str) -> None:
    own.client.drop_database(own.name)
    for new_key in (key, f"{key}-new"):
        outcomes = await persist_both(engines, new_key, 1)
        assert set(outcomes) <= REFUSALS
    assert "event_journal" not in own.list_collection_names() or not list(own["event_journal"].find())


async def test_after_a_drop_nothing_is_stored_after_a_gap(engines: Engines, own: Shell, key: str) -> None:
    own.drop_collection("event_journal")
    assert set(await persist_both(engines, key, 4)) <= REFUSALS
    assert list(own["event_journal"].find()) == []


async def test_a_collection_made_anew_is_another_one(
    engines: Engines, own: Shell, server: MongoStorage, key: str
) -> None:
    own.drop_collection("event_journal")
    async with MongoPersistenceEngine(server.bare_url.replace("/laws", f"/{own.name}")) as third:
        await third.persist(event(key, 1))
        assert set(await persist_both(engines, key, 4)) <= REFUSALS
        assert await numbers(third, key) == [1]


async def test_after_a_deletion_of_all_nothing_is_stored_after_a_gap(engines: Engines, own: Shell, key: str) -> None:
    own["event_journal"].delete_many({})
    assert await persist_both(engines, key, 4) == [SequenceConflictError] * 2
    assert list(own["event_journal"].find()) == []
    assert await persist_both(engines, f"{key}-new", 1) in (
        [type(None), SequenceConflictError],
        [SequenceConflictError, type(None)],
    )


async def test_in_a_crowd_nothing_is_stored_after_a_gap(engines: Engines, own: Shell, key: str) -> None:
    one, _ = engines
    await asyncio.gather(*(one.persist(event(f"{key}-{n}", 1)) for n in range(50)))
    own["event_journal"].delete_many({})
    writes = [one.persist(event(f"{key}-{n}", 2 if n % 2 else 1)) for n in range(60)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), SequenceConflictError] * 30
    assert {each["sequence_number"] for each in own["event_journal"].find()} == {1}


async def test_a_journal_begun_anew_gets_no_gap(engines: Engines, own: Shell, key: str) -> None:
    one, other = engines
    own["event_journal"].delete_many({"key": key})
    with pytest.raises(SequenceConflictError):
        await one.persist(event(key, 4))
    await one.persist(event(key, 1))
    with pytest.raises(SequenceConflictError) as caught:
        await other.persist(event(key, 4))
    assert caught.value.highest == 1
    assert await numbers(other, key) == [1]


async def test_without_the_unique_index_nothing_is_acknowledged(engines: Engines, own: Shell, key: str) -> None:
    own["event_journal"].drop_indexes()
    assert await persist_both(engines, key, 4) == [OutcomeUnknownError] * 2
    assert own["event_journal"].count_documents({"sequence_number": 4}) == 0


async def test_a_snapshot_makes_no_collection_without_an_index(server: MongoStorage, own: Shell, key: str) -> None:
    async with MongoPersistenceEngine(server.bare_url.replace("/laws", f"/{own.name}")) as engine:
        await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=1))
        own.drop_collection("snapshot_store")
        with pytest.raises(EngineUnavailableError, match="dropped"):
            await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=2, data=1))
    assert "snapshot_store" not in own.list_collection_names()


async def test_an_event_removed_before_the_end_is_a_gap_for_readers(engines: Engines, own: Shell, key: str) -> None:
    one, other = engines
    own["event_journal"].delete_one({"key": key, "sequence_number": 2})
    await one.persist(event(key, 4))
    with pytest.raises(CorruptJournalError):
        await numbers(other, key)
