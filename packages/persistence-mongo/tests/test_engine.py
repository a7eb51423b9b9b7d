"""What is MongoDB's own about the engine; the laws of every engine are tried by test_laws.py."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, Decimal128, ObjectId
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, MongoClient
from pymongo.database import Database

from nact.errors import (
    CorruptJournalError,
    EngineUnavailableError,
    InvalidEventError,
    SequenceConflictError,
)
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import MongoStorage
from nact_persistence_mongo import MongoPersistenceEngine

pytestmark = pytest.mark.anyio

Shell = Database[dict[str, Any]]


def event(key: str, number: int, data: Any = None) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=data)


async def numbers(engine: MongoPersistenceEngine, key: str, after: int = 0) -> list[int]:
    return [each.sequence_number async for each in engine.events(key, after=after)]


async def test_either_drivers_client_can_be_given_and_stays_open(client: Any, key: str) -> None:
    for source, name in ((client, "laws"), (client["laws"], None)):
        async with MongoPersistenceEngine(source, database=name) as engine:
            number = await engine.highest_sequence_number(key) + 1
            await engine.persist(event(key, number))
            assert (await numbers(engine, key))[-1] == number
    assert (await client.admin.command("ping"))["ok"] == 1


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


async def test_large_events_of_several_keys_that_wait_together_are_all_stored(
    engine: MongoPersistenceEngine, key: str
) -> None:
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


async def test_writes_of_one_key_that_wait_together_are_stored_in_one_round_trip(
    engine: MongoPersistenceEngine, shell: Shell, key: str
) -> None:
    await engine.persist(event(key, 1))
    await asyncio.gather(*(engine.persist(event(key, number)) for number in range(2, 52)))
    assert await numbers(engine, key) == list(range(1, 52))
    assert shell["event_journal"].count_documents({"key": key}) < 10


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


async def test_journals_that_are_read_at_once_with_new_ones_are_read_whole(
    engine: MongoPersistenceEngine, key: str
) -> None:
    for n in range(0, 20, 2):
        await engine.persist_all([event(f"{key}-{n}", number) for number in (1, 2, 3)])
        await engine.take_snapshot(PersistedSnapshot(key=f"{key}-{n}", sequence_number=2, data=n))
    read = await asyncio.gather(*(numbers(engine, f"{key}-{n}") for n in range(20)))
    assert read == [[1, 2, 3], []] * 10
    snapshots = await asyncio.gather(*(engine.latest_snapshot(f"{key}-{n}") for n in range(20)))
    assert [found and found.data for found in snapshots] == [None if n % 2 else n for n in range(20)]


async def test_a_journal_without_its_first_event_is_corrupt_also_when_many_are_read_at_once(
    engine: MongoPersistenceEngine, shell: Shell, key: str
) -> None:
    for number in (1, 2):
        await engine.persist(event(key, number))
    shell["event_journal"].delete_one({"key": key, "sequence_number": 1})
    reads = [numbers(engine, each) for each in (key, *(f"{key}-{n}" for n in range(5)))]
    outcome, *others = await asyncio.gather(*reads, return_exceptions=True)
    assert isinstance(outcome, CorruptJournalError)
    assert others == [[]] * 5


async def test_behind_a_refused_event_of_the_same_round_trip_no_gap_opens(
    engine: MongoPersistenceEngine, key: str
) -> None:
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


async def test_a_writer_that_knows_nothing_of_a_deletion_cannot_use_a_number_again(
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


async def test_a_batch_of_many_large_events_is_read_in_slices(engine: MongoPersistenceEngine, key: str) -> None:
    await engine.persist_all([event(key, number, "x" * 5000) for number in range(1, 2501)])
    await engine.persist(event(key, 2501))
    for after in (0, 17, 2400, 2499, 2500, 2501):
        assert await numbers(engine, key, after) == list(range(after + 1, 2502))


async def test_a_client_in_another_event_loop_is_a_clear_error(client: Any, key: str) -> None:
    await client.admin.command("ping")

    async def elsewhere() -> None:
        async with MongoPersistenceEngine(client) as engine:
            await engine.persist(event(key, 1))

    with pytest.raises(RuntimeError, match="event loop"):
        await asyncio.to_thread(asyncio.run, elsewhere())


async def test_an_engine_in_use_by_another_event_loop_is_a_clear_error(
    engine: MongoPersistenceEngine, key: str
) -> None:
    await engine.persist(event(key, 1))
    with pytest.raises(RuntimeError, match="event loop"):
        await asyncio.to_thread(asyncio.run, engine.persist(event(key, 2)))


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
    async with MongoPersistenceEngine(url, timeout=30) as engine:
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


async def test_an_engine_that_is_left_open_warns(server: MongoStorage, key: str) -> None:
    engine = MongoPersistenceEngine(server.bare_url)
    await engine.persist(event(key, 1))
    session = await engine._life.opened()
    forget = [engine]
    del engine
    with pytest.warns(ResourceWarning, match="not closed"):
        forget.clear()
    await session.aclose()


async def test_closing_ends_the_drivers_threads(server: MongoStorage, key: str) -> None:
    def drivers() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name.startswith("pymongo")}

    earlier = drivers()  # of clients that other tests closed: they end on their own time
    async with MongoPersistenceEngine(server.bare_url) as engine:
        await engine.persist(event(key, 1))
        mine = drivers() - earlier
        assert mine
    assert not mine & drivers()


@pytest.mark.parametrize("make", [lambda: MongoClient(connect=False), object], ids=["MongoClient", "object"])
async def test_anything_else_is_refused_as_a_source(make: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="Motor"):
        MongoPersistenceEngine(make())


async def test_a_client_made_outside_of_any_loop_works_in_this_one(server: MongoStorage, key: str) -> None:
    url = server.bare_url
    made: AsyncMongoClient[Any] = await asyncio.to_thread(AsyncMongoClient, url)
    async with MongoPersistenceEngine(made, database="laws") as engine:
        await engine.persist(event(key, 1))
    await made.close()


async def test_motor_is_what_a_url_gets(server: MongoStorage, key: str) -> None:
    async with MongoPersistenceEngine(server.bare_url) as engine:
        await engine.persist(event(key, 1))
        session = await engine._life.opened()
        assert isinstance(session._databases._owned, AsyncIOMotorClient)


async def test_the_engine_names_what_a_write_waits_for() -> None:
    url = "mongodb://user:secret@localhost/contacts"
    assert "w='majority', journal=True" in repr(MongoPersistenceEngine(url))
    weaker = repr(MongoPersistenceEngine(url, w=1, journal=False))
    assert "w=1, journal=False" in weaker
    assert "secret" not in weaker
