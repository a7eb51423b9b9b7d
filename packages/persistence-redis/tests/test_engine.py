"""The engine beyond the laws: records as they stand in Redis, connections that are closed, rights that are missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from redis.asyncio import Redis
from redis_servers.clients import run

from nact.errors import CorruptJournalError, EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import RedisStorage
from nact_persistence_redis import RedisPersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]


async def test_redis_cli_shows_a_journal(
    engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered
) -> None:
    (event,) = numbered(key, 1, 1, tags=["a", "b"], data={"name": "Zoë"}, created_at=1_700_000_000_000)
    await engine.persist(event)
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=[1], created_at=1_700_000_000_000))
    fields = {"event_id": event.event_id, "created_at": "1700000000000", "tags": '["a","b"]', "data": '{"name":"Zoë"}'}
    written = {name.encode(): text.encode() for name, text in fields.items()}
    assert await shell.xrange(f"nact:{{{key}}}:events") == [(b"1-0", written)]
    members = await shell.zrange(f"nact:{{{key}}}:snapshots", 0, -1)
    assert members == [b"0000000000000000001 1700000000000 [1]"]


@pytest.mark.parametrize("event_id", [None, "d2b6", ' @"a b"\n\\', "ä {1}"])
async def test_a_snapshot_keeps_the_id_of_its_event(
    engine: RedisPersistenceEngine, key: str, event_id: str | None
) -> None:
    for data in ({"n": 1}, "@text", [" "], None):
        snapshot = PersistedSnapshot(key=key, sequence_number=7, data=data, event_id=event_id)
        await engine.take_snapshot(snapshot)
        assert await engine.latest_snapshot(key) == snapshot


async def test_redis_cli_shows_the_event_that_a_snapshot_stands_on(
    engine: RedisPersistenceEngine, shell: Redis, key: str
) -> None:
    await engine.take_snapshot(
        PersistedSnapshot(key=key, sequence_number=1, data=[1], created_at=1_700_000_000_000, event_id="d2b6")
    )
    members = await shell.zrange(f"nact:{{{key}}}:snapshots", 0, -1)
    assert members == [b'0000000000000000001 1700000000000 @"d2b6" [1]']


async def test_a_snapshot_that_cannot_be_replaced_stays(
    server: RedisStorage, engine: RedisPersistenceEngine, key: str
) -> None:
    old = PersistedSnapshot(key=key, sequence_number=1, data="old")
    await engine.take_snapshot(old)
    run(server, "ACL", "SETUSER", "poor", "reset", "on", ">secret", "~nact:*", "+@all", "-zadd")
    async with RedisPersistenceEngine(server.bare_url.replace("//", "//poor:secret@")) as poor:
        with pytest.raises(EngineUnavailableError, match="ACL"):
            await poor.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data="new"))
    assert await engine.latest_snapshot(key) == old


async def test_an_interrupted_deletion_is_finished_by_the_next(
    server: RedisStorage, engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered
) -> None:
    await engine.persist_all(numbered(key, 1, 3))
    run(server, "ACL", "SETUSER", "poor", "reset", "on", ">secret", "~nact:*", "+@all", "-xtrim")
    async with RedisPersistenceEngine(server.bare_url.replace("//", "//poor:secret@")) as poor:
        with pytest.raises(EngineUnavailableError, match="ACL"):
            await poor.delete_events(key, up_to=2)
    await engine.delete_events(key, up_to=2)
    assert await shell.xlen(f"nact:{{{key}}}:events") == 1


async def test_prefixes_keep_journals_apart(
    engine: RedisPersistenceEngine, server: RedisStorage, key: str, numbered: Numbered
) -> None:
    (event,) = numbered(key, 1, 1)
    await engine.persist(event)
    async with RedisPersistenceEngine(server.bare_url, prefix="other:") as other:
        assert await other.highest_sequence_number(key) == 0
        assert [found async for found in other.keys(prefix=key)] == []


async def test_a_client_that_was_passed_in_stays_open(server: RedisStorage, key: str, numbered: Numbered) -> None:
    async with Redis(port=server.port, decode_responses=True) as client:
        async with RedisPersistenceEngine(client) as engine:
            await engine.persist_all(numbered(key, 1, 3))
            assert [event.sequence_number async for event in engine.events(key)] == [1, 2, 3]
        assert await client.ping()


async def test_more_reads_than_connections_wait_for_one(server: RedisStorage, key: str, numbered: Numbered) -> None:
    async with RedisPersistenceEngine(server.bare_url, max_connections=2, page_size=100, retry_for=0.001) as engine:
        await engine.persist_all(numbered(key, 1, 400))

        async def read() -> int:
            return len([event async for event in engine.events(key)])

        assert await asyncio.gather(*[read() for _ in range(30)]) == [400] * 30


async def test_an_engine_left_open_warns(server: RedisStorage, key: str) -> None:
    engine = RedisPersistenceEngine(server.bare_url)
    await engine.highest_sequence_number(key)
    with pytest.warns(ResourceWarning, match="was not closed"):
        engine.__del__()
    await engine.aclose()


async def test_another_kind_of_value_harms_its_own_key_only(
    engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered
) -> None:
    await shell.set(f"nact:{{{key}}}:events", "text")
    good = [engine.persist(numbered(f"{key}-{n}", 1, 1)[0]) for n in range(3)]
    bad = engine.persist(numbered(key, 1, 1)[0])
    outcomes = await asyncio.gather(bad, *good, return_exceptions=True)
    assert outcomes[1:] == [None] * 3
    assert isinstance(outcomes[0], CorruptJournalError)
    assert outcomes[0].key == key


async def test_a_server_with_unknown_settings_is_used_with_a_warning(
    server: RedisStorage, key: str, numbered: Numbered, caplog: pytest.LogCaptureFixture
) -> None:
    run(server, "ACL", "SETUSER", "guest", "reset", "on", ">secret", "~nact:*", "+@all", "-config")
    async with RedisPersistenceEngine(server.bare_url.replace("//", "//guest:secret@")) as engine:
        await engine.persist(numbered(key, 1, 1)[0])
    assert "CONFIG GET" in caplog.text


@pytest.mark.parametrize("rights", [("~nact:*", "+@all", "-xadd"), ("~other:*", "+@all")])
async def test_what_the_acl_forbids_is_refused_and_nothing_is_stored(
    server: RedisStorage, engine: RedisPersistenceEngine, key: str, numbered: Numbered, rights: tuple[str, ...]
) -> None:
    run(server, "ACL", "SETUSER", "poor", "reset", "on", ">secret", *rights)
    async with RedisPersistenceEngine(server.bare_url.replace("//", "//poor:secret@")) as poor:
        with pytest.raises(EngineUnavailableError, match="ACL") as refused:
            await poor.persist(numbered(key, 1, 1)[0])
    assert not isinstance(refused.value, OutcomeUnknownError)
    assert await engine.highest_sequence_number(key) == 0


async def test_a_wrong_password_is_told_at_once(server: RedisStorage, key: str) -> None:
    engine = RedisPersistenceEngine(server.bare_url.replace("//", "//nobody:wrong@"), retry_for=3600)
    async with asyncio.timeout(60):  # or this test would never end
        with pytest.raises(EngineUnavailableError, match="password") as refused:
            await engine.highest_sequence_number(key)
    assert not isinstance(refused.value, OutcomeUnknownError)
    await engine.aclose()


async def test_a_full_memory_refuses_a_batch_whole(
    server: RedisStorage, engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered
) -> None:
    await engine.persist(numbered(key, 1, 1)[0])
    await shell.config_set("maxmemory", 1)
    try:
        with pytest.raises(EngineUnavailableError, match="make room") as refused:
            await engine.persist_all(numbered(key, 2, 9))
    finally:
        await shell.config_set("maxmemory", 0)
    assert not isinstance(refused.value, OutcomeUnknownError)
    assert await engine.highest_sequence_number(key) == 1


async def test_a_full_memory_can_be_made_room_in(
    engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered
) -> None:
    await engine.persist_all(numbered(key, 1, 9))
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=9, data=1))
    await shell.config_set("maxmemory", 1)
    try:
        await engine.delete_events(key, up_to=8)
        await engine.delete_snapshots(key, up_to=9)
    finally:
        await shell.config_set("maxmemory", 0)
    assert [event.sequence_number async for event in engine.events(key)] == [8, 9]
    assert await engine.latest_snapshot(key) is None


async def test_a_long_journal_is_deleted_in_parts(
    engine: RedisPersistenceEngine, server: RedisStorage, key: str, numbered: Numbered
) -> None:
    await engine.persist_all(numbered(key, 1, 12_000))
    before = server.proxy.round_trips
    await engine.delete_events(key, up_to=12_000)
    assert server.proxy.round_trips - before == 3
    assert [event.is_deleted async for event in engine.events(key)] == [True]


async def test_what_was_sent_before_a_refusal_may_have_been_stored(
    server: RedisStorage, engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered
) -> None:
    """The first request is lost, and with it the knowledge of what it did; the second one is refused."""
    first, second = numbered(key, 1, 2)
    await engine.persist(first)
    await shell.config_set("maxmemory", 1)
    server.proxy.lose_request()
    try:
        with pytest.raises(EngineUnavailableError, match="make room") as refused:
            await engine.persist(second)
    finally:
        await shell.config_set("maxmemory", 0)
    assert isinstance(refused.value, OutcomeUnknownError)
