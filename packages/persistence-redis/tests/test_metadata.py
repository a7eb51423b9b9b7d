"""Metadata of events and snapshots: readable in Redis, exact or refused, gone with the data."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from nact.errors import CorruptJournalError, InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import RedisStorage
from nact_persistence_redis import RedisPersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]

METADATA: list[dict[str, Any]] = [
    {"by": "ann", "why": "she asked for it"},
    {"": None, 'ä "1"\n': [1, -1.5, True, {"#": "@ {}"}], "large": 2**63 - 1},
    {"data": 1, "metadata": {"metadata": []}},
]
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("metadata", METADATA)
async def test_an_event_keeps_its_metadata(
    engine: RedisPersistenceEngine, key: str, numbered: Numbered, metadata: dict[str, Any]
) -> None:
    with_some, without = numbered(key, 1, 2, metadata=metadata), numbered(key, 3, 3)
    await engine.persist(with_some[0])
    await engine.persist_all([with_some[1], *without])
    assert [event async for event in engine.events(key)] == [*with_some, *without]


@pytest.mark.parametrize("event_id", [None, "d2b6"])
@pytest.mark.parametrize("metadata", METADATA)
async def test_a_snapshot_keeps_its_metadata(
    engine: RedisPersistenceEngine, key: str, metadata: dict[str, Any], event_id: str | None
) -> None:
    for data in ({"n": 1}, "#text", [" "], None):
        snapshot = PersistedSnapshot(key=key, sequence_number=7, data=data, event_id=event_id, metadata=metadata)
        await engine.take_snapshot(snapshot)
        assert await engine.latest_snapshot(key) == snapshot


async def test_redis_cli_shows_the_metadata(
    engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered
) -> None:
    metadata = {"by": "Zoë", "why": "she asked for it"}
    await engine.persist_all([*numbered(key, 1, 1, metadata=metadata), *numbered(key, 2, 2)])
    snapshot = PersistedSnapshot(
        key=key, sequence_number=1, data=[1], created_at=1_700_000_000_000, event_id="d2b6", metadata=metadata
    )
    await engine.take_snapshot(snapshot)
    text = '{"by":"Zoë","why":"she asked for it"}'
    entries: Any = await shell.xrange(f"nact:{{{key}}}:events")
    assert entries[0][1][b"metadata"].decode() == text
    assert b"metadata" not in entries[1][1]
    member: Any
    (member,) = await shell.zrange(f"nact:{{{key}}}:snapshots", 0, -1)
    expected = f'0000000000000000001 1700000000000 @"d2b6" #{{"metadata":{text},"data":[1]}}'
    assert member.decode() == expected


async def test_a_snapshot_with_other_metadata_replaces_the_old_one(
    engine: RedisPersistenceEngine, shell: Redis, key: str
) -> None:
    for metadata in ({"n": 1}, {}, {"n": 2}):
        snapshot = PersistedSnapshot(key=key, sequence_number=7, data=1, metadata=metadata)
        await engine.take_snapshot(snapshot)
        assert await engine.latest_snapshot(key) == snapshot
    assert await shell.zcard(f"nact:{{{key}}}:snapshots") == 1


async def test_deletion_removes_the_metadata(
    engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered
) -> None:
    events = numbered(key, 1, 3, metadata={"by": "ann"})
    await engine.persist_all(events)
    await engine.delete_events(key, up_to=2)
    dead, left = [event async for event in engine.events(key)]
    assert (dead.is_deleted, dead.metadata, dead.event_id) == (True, {}, events[1].event_id)
    assert left == events[2]
    assert b"ann" not in repr(await shell.xinfo_groups(f"nact:{{{key}}}:events")).encode()


async def test_an_event_with_metadata_that_comes_again_is_recognised(
    server: RedisStorage, engine: RedisPersistenceEngine, key: str, numbered: Numbered
) -> None:
    events = numbered(key, 1, 3, metadata={"by": "ann"})
    await engine.persist(events[0])
    server.proxy.lose_reply()
    await engine.persist_all(events[1:])
    await engine.persist_all(events)
    assert [event async for event in engine.events(key)] == events


@pytest.mark.parametrize("text", ["", "null", "[1]", '"by"', '{"half'])
async def test_metadata_that_cannot_be_read_is_told(
    engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered, text: str
) -> None:
    await engine.persist(numbered(key, 1, 1)[0])
    fields: Any = {"event_id": "x", "created_at": 1, "tags": "[]", "data": "1", "metadata": text}
    await shell.xadd(f"nact:{{{key}}}:events", fields, id="2-0")
    with pytest.raises(CorruptJournalError) as raised:
        [event async for event in engine.events(key)]
    assert (raised.value.key, raised.value.sequence_number) == (key, 2)


async def test_a_field_of_another_name_is_no_metadata(engine: RedisPersistenceEngine, shell: Redis, key: str) -> None:
    fields: Any = {"event_id": "x", "created_at": 1, "tags": "[]", "data": "1", "meta": "{}"}
    await shell.xadd(f"nact:{{{key}}}:events", fields, id="1-0")
    with pytest.raises(CorruptJournalError, match="meta"):
        [event async for event in engine.events(key)]


@pytest.mark.parametrize(
    "text", ['#{"metadata":{}}', '#{"metadata":null,"data":1}', '#{"metadata":{},"data":1,"more":1}', '#{"half', "#1"]
)
async def test_a_snapshot_whose_metadata_cannot_be_read_is_told(
    engine: RedisPersistenceEngine, shell: Redis, key: str, text: str
) -> None:
    await shell.zadd(f"nact:{{{key}}}:snapshots", {f"0000000000000000007 1 {text}": 0})
    with pytest.raises(CorruptJournalError) as raised:
        await engine.latest_snapshot(key)
    assert (raised.value.key, raised.value.sequence_number) == (key, 7)


@pytest.mark.parametrize("value", [float("nan"), (1,), 2**63, {1: 2}, "\ud800"])
async def test_metadata_that_json_cannot_hold_is_refused(key: str, numbered: Numbered, value: object) -> None:
    engine = RedisPersistenceEngine(NOWHERE)
    (event,) = numbered(key, 1, 1, metadata={"bad": value})
    for use in (engine.persist(event), engine.persist_all([event])):
        with pytest.raises(InvalidEventError, match=r"metadata\.bad"):
            await use


async def test_a_snapshots_metadata_that_json_cannot_hold_is_refused(engine: RedisPersistenceEngine, key: str) -> None:
    snapshot = PersistedSnapshot(key=key, sequence_number=1, data=1, metadata={"bad": (1,)})
    with pytest.raises(InvalidEventError, match=r"metadata\.bad"):
        await engine.take_snapshot(snapshot)
    assert await engine.latest_snapshot(key) is None


async def test_metadata_counts_towards_the_size_of_an_event(key: str, numbered: Numbered) -> None:
    engine = RedisPersistenceEngine(NOWHERE)
    half = "x" * (33 * 2**20)
    (event,) = numbered(key, 1, 1, data=half, metadata={"x": half})
    with pytest.raises(InvalidEventError, match="JSON"):
        await engine.persist(event)
    with pytest.raises(InvalidEventError, match="JSON"):
        await engine.persist_all(numbered(key, 1, 33, metadata={"x": "x" * 2**21}))


async def test_metadata_survives_writers_that_share_a_round_trip(
    engine: RedisPersistenceEngine, key: str, numbered: Numbered
) -> None:
    events = [numbered(f"{key}-{n}", 1, 1, metadata={"n": n} if n % 2 else {})[0] for n in range(50)]
    await asyncio.gather(*map(engine.persist, events))
    for event in events:
        assert [found async for found in engine.events(event.key)] == [event]
