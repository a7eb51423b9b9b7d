"""Behaviour of this engine that other engines don't have. test_laws.py tries the laws that all engines keep."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mongo_servers.events import event, numbers
from pymongo import AsyncMongoClient
from pymongo.database import Database
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from nact.errors import (
    CorruptJournalError,
    EngineUnavailableError,
    InvalidEventError,
    SequenceConflictError,
)
from nact.persistence import PersistedSnapshot
from nact_conformance.containers import MongoStorage
from nact_persistence_mongo import MongoPersistenceEngine

pytestmark = pytest.mark.anyio

Shell = Database[dict[str, Any]]


class InsertsUnderWay(CommandListener):
    """Counts the inserts that are under way at once."""

    def __init__(self) -> None:
        self._now: set[int] = set()
        self.most = 0

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name == "insert":
            self._now.add(event.request_id)
            self.most = max(self.most, len(self._now))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self._now.discard(event.request_id)

    def failed(self, event: CommandFailedEvent) -> None:
        self._now.discard(event.request_id)


async def test_waiting_writes_of_one_key_share_a_round_trip(
    engine: MongoPersistenceEngine, shell: Shell, key: str
) -> None:
    await engine.persist(event(key, 1))
    await asyncio.gather(*(engine.persist(event(key, number)) for number in range(2, 52)))
    assert await numbers(engine, key) == list(range(1, 52))
    assert shell["event_journal"].count_documents({"key": key}) < 10


async def test_two_batches_are_on_their_way_at_once_and_no_more(server: MongoStorage, key: str) -> None:
    inserts = InsertsUnderWay()
    client: AsyncMongoClient[Any] = AsyncMongoClient(server.bare_url, event_listeners=[inserts])
    async with client, MongoPersistenceEngine(client, database="laws") as engine:
        await asyncio.gather(*(engine.persist(event(f"{key}-{n}", 1)) for n in range(1500)))
    assert inserts.most == 2


async def test_new_keys_that_are_read_at_once_share_round_trips(
    engine: MongoPersistenceEngine, server: MongoStorage, key: str
) -> None:
    await engine.highest_sequence_number(key)
    before = server.proxy.round_trips
    read = [numbers(engine, f"{key}-{n}") for n in range(50)]
    snapshots = [engine.latest_snapshot(f"{key}-{n}") for n in range(50)]
    assert await asyncio.gather(*read) == [[]] * 50
    assert await asyncio.gather(*snapshots) == [None] * 50
    assert server.proxy.round_trips - before < 10


async def test_journals_read_at_once_with_new_ones_are_read_whole(engine: MongoPersistenceEngine, key: str) -> None:
    for n in range(0, 20, 2):
        await engine.persist_all([event(f"{key}-{n}", number) for number in (1, 2, 3)])
        await engine.take_snapshot(PersistedSnapshot(key=f"{key}-{n}", sequence_number=2, data=n))
    read = await asyncio.gather(*(numbers(engine, f"{key}-{n}") for n in range(20)))
    assert read == [[1, 2, 3], []] * 10
    snapshots = await asyncio.gather(*(engine.latest_snapshot(f"{key}-{n}") for n in range(20)))
    assert [found and found.data for found in snapshots] == [None if n % 2 else n for n in range(20)]


async def test_a_missing_first_event_is_found_when_many_keys_are_read(
    engine: MongoPersistenceEngine, shell: Shell, key: str
) -> None:
    for number in (1, 2):
        await engine.persist(event(key, number))
    shell["event_journal"].delete_one({"key": key, "sequence_number": 1})
    reads = [numbers(engine, each) for each in (key, *(f"{key}-{n}" for n in range(5)))]
    outcome, *others = await asyncio.gather(*reads, return_exceptions=True)
    assert isinstance(outcome, CorruptJournalError)
    assert others == [[]] * 5


async def test_a_refused_event_leaves_no_gap_in_its_round_trip(engine: MongoPersistenceEngine, key: str) -> None:
    mine = event(key, 1)
    await engine.persist(mine)
    writes = [event(key, 1), event(key, 3), mine, event(key, 2), event(key, 5)]
    outcomes = await asyncio.gather(*(engine.persist(each) for each in writes), return_exceptions=True)
    refused = [type(outcome) for outcome in outcomes]
    assert refused == [SequenceConflictError, SequenceConflictError, type(None), type(None), SequenceConflictError]
    assert await numbers(engine, key) == [1, 2]


async def test_a_number_that_is_not_next_is_refused_though_it_is_free(engine: MongoPersistenceEngine, key: str) -> None:
    await engine.persist(event(key, 1))
    for number in (3, 4, 100):
        with pytest.raises(SequenceConflictError) as caught:
            await engine.persist(event(key, number))
        assert caught.value.highest == 1
    assert await numbers(engine, key) == [1]


async def test_a_writer_unaware_of_a_deletion_cannot_reuse_a_number(
    engine: MongoPersistenceEngine, server: MongoStorage, key: str
) -> None:
    await engine.persist(event(key, 1))
    async with MongoPersistenceEngine(server.bare_url) as other:
        assert await numbers(other, key) == [1]
        for number in (2, 3, 4):
            await other.persist(event(key, number))
        await other.delete_events(key, up_to=4)
    with pytest.raises(SequenceConflictError) as caught:
        await engine.persist(event(key, 2))  # 1 was the last one that it saw
    assert caught.value.highest == 4


async def test_a_collection_that_would_mix_up_keys_is_refused(server: MongoStorage, shell: Shell) -> None:
    shell.drop_collection("french")
    shell.create_collection("french", collation={"locale": "fr", "strength": 1})
    engine = MongoPersistenceEngine(server.bare_url, event_collection="french")
    with pytest.raises(CorruptJournalError, match="collation"):
        await engine.highest_sequence_number("a")
    await engine.aclose()


async def test_a_collection_without_the_unique_index_is_refused(server: MongoStorage, shell: Shell) -> None:
    shell["bare"].insert_one({"key": "other"})
    url = server.bare_url
    engine = MongoPersistenceEngine(url, event_collection="bare", create_if_not_exists=False)
    with pytest.raises(CorruptJournalError, match="unique index"):
        await engine.highest_sequence_number("a")
    await engine.aclose()


async def test_what_the_server_refuses_fails_alone(server: MongoStorage, shell: Shell, key: str) -> None:
    shell.drop_collection("strict")
    shell.create_collection("strict", validator={"data": {"$ne": "forbidden"}, "events.data": {"$ne": "forbidden"}})
    async with MongoPersistenceEngine(server.bare_url, event_collection="strict") as engine:
        await engine.persist(event(key, 1))
        writes = [event(key, 2), event(key, 3, "forbidden"), event(key + "b", 1)]
        outcomes = await asyncio.gather(*(engine.persist(each) for each in writes), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None), InvalidEventError, type(None)]
        assert await numbers(engine, key) == [1, 2]


async def test_a_write_to_a_killed_server_goes_on_when_it_is_back(server: MongoStorage, key: str) -> None:
    url = server.bare_url
    async with MongoPersistenceEngine(url, retry_for=30) as engine:
        await engine.persist(event(key, 1))
        await asyncio.to_thread(server.kill)
        write = asyncio.ensure_future(engine.persist(event(key, 2)))
        await asyncio.to_thread(server.start)
        await write
        assert await numbers(engine, key) == [1, 2]


async def test_a_frozen_server_is_unavailable_in_bounded_time(
    engine: MongoPersistenceEngine, server: MongoStorage, key: str
) -> None:
    await engine.persist(event(key, 1))
    await asyncio.to_thread(server.pause)
    with pytest.raises(EngineUnavailableError):
        await asyncio.wait_for(engine.persist(event(key, 2)), 15)
    await asyncio.to_thread(server.resume)


async def test_snapshots_of_the_same_number_at_once_all_succeed(engine: MongoPersistenceEngine, key: str) -> None:
    taken = [PersistedSnapshot(key=key, sequence_number=1, data=n) for n in range(20)]
    await asyncio.gather(*(engine.take_snapshot(each) for each in taken))
    found = await engine.latest_snapshot(key)
    assert found is not None
    assert found.data in range(20)
