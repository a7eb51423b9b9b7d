"""Journals that begin with a tombstone, as the copy of a journal does whose beginning was deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from redis.asyncio import Redis
from redis_servers.clients import run
from redis_servers.cluster import RedisCluster
from redis_servers.servers import OLDEST_IMAGE

from nact.errors import EngineUnavailableError, InvalidEventError, OutcomeUnknownError, SequenceConflictError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.records import MAX_SEQUENCE_NUMBER, tombstone
from nact_conformance.containers import RedisStorage
from nact_persistence_redis import RedisPersistenceEngine, engine_from_url

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]

NUMBERS = [1, 7, 10**12 - 1, 5 * 10**12 - 1, 2**53 - 1, 2**53, 2**53 + 1, 2**62 + 3]
"""Lua's own numbers are exact up to 2**53, and the scripts add in two parts of 12 digits."""


def dead(key: str, number: int, **fields: str) -> PersistedEvent:
    return tombstone(PersistedEvent(key=key, sequence_number=number, data=None, **fields))  # type: ignore[arg-type]


async def journal(engine: RedisPersistenceEngine, key: str, after: int = 0) -> list[PersistedEvent]:
    return [event async for event in engine.events(key, after=after)]


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_journal_begins_with_a_tombstone_and_goes_on(
    engine: RedisPersistenceEngine, key: str, numbered: Numbered, number: int
) -> None:
    first, rest = dead(key, number), numbered(key, number + 1, number + 4)
    await engine.persist(first)
    assert await engine.highest_sequence_number(key) == number
    assert [found async for found in engine.keys(prefix=key)] == [key]
    assert await journal(engine, key) == [first]
    await engine.persist(rest[0])
    await engine.persist_all(rest[1:])
    assert await engine.highest_sequence_number(key) == number + 4
    assert await journal(engine, key) == [first, *rest]
    assert await journal(engine, key, after=number) == rest


async def test_the_last_number_of_all_is_a_tombstones_too(engine: RedisPersistenceEngine, key: str) -> None:
    first = dead(key, MAX_SEQUENCE_NUMBER)
    await engine.persist(first)
    await engine.persist(first)
    assert await engine.highest_sequence_number(key) == MAX_SEQUENCE_NUMBER
    await engine.delete_events(key, up_to=MAX_SEQUENCE_NUMBER)
    assert await journal(engine, key) == [first]


@pytest.mark.parametrize("number", NUMBERS)
async def test_after_a_tombstone_only_the_next_number_is_taken(
    engine: RedisPersistenceEngine, key: str, numbered: Numbered, number: int
) -> None:
    first = dead(key, number)
    await engine.persist(first)
    for wrong in (1, number, number + 2, number + 3):
        for write in (
            engine.persist(numbered(key, wrong, wrong)[0]),
            engine.persist_all(numbered(key, wrong, wrong + 1)),
        ):
            with pytest.raises(SequenceConflictError) as refused:
                await write
            assert refused.value.highest == number
    assert await journal(engine, key) == [first]


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_deletion_stops_at_its_number_however_large(
    engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered, number: int
) -> None:
    first, rest = dead(key, number), numbered(key, number + 1, number + 5)
    await engine.persist(first)
    await engine.persist_all(rest)
    await engine.delete_events(key, up_to=number - 1)
    await engine.delete_events(key, up_to=number)
    assert await journal(engine, key) == [first, *rest]
    await engine.delete_events(key, up_to=number + 2)
    assert await journal(engine, key) == [tombstone(rest[1]), *rest[2:]]
    await engine.delete_events(key, up_to=number + 9)
    assert await journal(engine, key) == [tombstone(rest[4])]
    assert len(await shell.xinfo_groups(f"nact:{{{key}}}:events")) == 1
    await engine.persist(numbered(key, number + 6, number + 6)[0])


@pytest.mark.parametrize("number", [1, 2, 3, 9])
async def test_a_tombstone_follows_no_record(
    engine: RedisPersistenceEngine, key: str, numbered: Numbered, number: int
) -> None:
    events = numbered(key, 1, 2)
    await engine.persist_all(events)
    with pytest.raises(SequenceConflictError) as refused:
        await engine.persist(dead(key, number))
    assert refused.value.highest == 2
    assert await journal(engine, key) == events


async def test_a_tombstone_follows_no_other_tombstone(engine: RedisPersistenceEngine, key: str) -> None:
    first = dead(key, 7)
    await engine.persist(first)
    for number in (6, 7, 8):
        with pytest.raises(SequenceConflictError):
            await engine.persist(dead(key, number))
    assert await journal(engine, key) == [first]


async def test_a_tombstone_follows_no_deleted_journal(
    engine: RedisPersistenceEngine, key: str, numbered: Numbered
) -> None:
    events = numbered(key, 1, 3)
    await engine.persist_all(events)
    await engine.delete_events(key, up_to=3)
    with pytest.raises(SequenceConflictError):
        await engine.persist(dead(key, 4))
    await engine.persist(tombstone(events[2]))  # which is there
    assert await journal(engine, key) == [tombstone(events[2])]


@pytest.mark.parametrize("event_id", ["d2b6", " a b\n", "ä 1 -1"])
async def test_the_same_tombstone_again_is_recognised(
    engine: RedisPersistenceEngine, key: str, numbered: Numbered, event_id: str
) -> None:
    first, rest = dead(key, 7, event_id=event_id), numbered(key, 8, 9)
    await engine.persist(first)
    await engine.persist(first)
    await engine.persist_all(rest)
    await engine.persist(first)
    assert await journal(engine, key) == [first, *rest]


async def test_a_tombstone_whose_reply_was_lost_is_stored_once(
    server: RedisStorage, engine: RedisPersistenceEngine, shell: Redis, key: str
) -> None:
    await engine.highest_sequence_number(key)
    first = dead(key, 7)
    server.proxy.lose_reply()
    await engine.persist(first)
    assert await journal(engine, key) == [first]
    assert len(await shell.xinfo_groups(f"nact:{{{key}}}:events")) == 1


async def test_a_tombstone_and_a_first_event_have_one_winner(
    server: RedisStorage, engine: RedisPersistenceEngine, key: str, numbered: Numbered
) -> None:
    async with RedisPersistenceEngine(server.bare_url) as other:
        for n in range(20):
            name = f"{key}-{n}"
            first, (event,) = dead(name, 1 + n % 2), numbered(name, 1, 1)
            writes = (
                [engine.persist(first), other.persist(event)]
                if n % 3
                else [other.persist(event), engine.persist(first)]
            )
            outcomes = await asyncio.gather(*writes, return_exceptions=True)
            assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "SequenceConflictError"]
            assert len(await journal(engine, name)) == 1


async def test_tombstones_and_events_of_many_keys_share_a_round_trip(
    engine: RedisPersistenceEngine, key: str, numbered: Numbered
) -> None:
    records = [dead(f"{key}-{n}", 1 + n) if n % 2 else numbered(f"{key}-{n}", 1, 1)[0] for n in range(40)]
    await asyncio.gather(*map(engine.persist, records))
    for record in records:
        assert await journal(engine, record.key) == [record]


async def test_a_batch_has_no_tombstone(engine: RedisPersistenceEngine, key: str, numbered: Numbered) -> None:
    with pytest.raises(InvalidEventError):
        await engine.persist_all([dead(key, 7), *numbered(key, 8, 8)])
    assert await engine.highest_sequence_number(key) == 0


async def test_a_snapshot_stands_on_a_first_tombstone(engine: RedisPersistenceEngine, key: str) -> None:
    first = dead(key, 7)
    await engine.persist(first)
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=7, data=1, event_id=first.event_id))
    snapshot = await engine.latest_snapshot(key)
    assert snapshot is not None
    assert [event.event_id for event in await journal(engine, key)] == [snapshot.event_id]


async def test_another_kind_of_value_refuses_a_tombstone_too(
    engine: RedisPersistenceEngine, shell: Redis, key: str
) -> None:
    await shell.set(f"nact:{{{key}}}:events", "text")
    outcomes = await asyncio.gather(
        engine.persist(dead(key, 7)), engine.persist(dead(f"{key}-2", 7)), return_exceptions=True
    )
    assert [type(outcome).__name__ for outcome in outcomes] == ["CorruptJournalError", "NoneType"]


@pytest.mark.parametrize("right", ["xgroup|create", "xsetid"])
async def test_a_refused_tombstone_leaves_a_key_without_a_record(
    server: RedisStorage, engine: RedisPersistenceEngine, key: str, right: str
) -> None:
    run(server, "ACL", "SETUSER", "poor", "reset", "on", ">secret", "~nact:*", "+@all", f"-{right}")
    async with RedisPersistenceEngine(server.bare_url.replace("//", "//poor:secret@")) as poor:
        with pytest.raises(EngineUnavailableError, match="ACL") as refused:
            await poor.persist(dead(key, 7))
    assert not isinstance(refused.value, OutcomeUnknownError)
    assert await journal(engine, key) == []
    first = dead(key, 5)
    await engine.persist(first)
    assert await journal(engine, key) == [first]


async def test_a_full_memory_refuses_a_tombstone_whole(
    engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered
) -> None:
    await engine.highest_sequence_number(key)
    await shell.config_set("maxmemory", 1)
    try:
        with pytest.raises(EngineUnavailableError, match="make room"):
            await engine.persist(dead(key, 7))
    finally:
        await shell.config_set("maxmemory", 0)
    await engine.persist(numbered(key, 1, 1)[0])


@pytest.fixture(scope="module")
def cluster(containers: None) -> Iterator[RedisCluster]:
    cluster = RedisCluster(OLDEST_IMAGE)
    cluster.start()
    yield cluster
    cluster.stop()


async def test_journals_of_a_cluster_begin_with_tombstones(cluster: RedisCluster, key: str, numbered: Numbered) -> None:
    async with engine_from_url(cluster.bare_url) as engine:
        assert isinstance(engine, RedisPersistenceEngine)
        records = [dead(f"{key}-{n}", 7) for n in range(20)]
        await asyncio.gather(*map(engine.persist, [*records, *records]))
        for record in records:
            (event,) = numbered(record.key, 8, 8)
            await engine.persist(event)
            assert await journal(engine, record.key) == [record, event]
