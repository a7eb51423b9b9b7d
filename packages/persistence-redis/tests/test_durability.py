"""Servers that promise too little, and the events that are lost with the power."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis
from redis_servers.clients import client_of, run
from redis_servers.servers import EVERYSEC, NEWEST_IMAGE, OLDEST_IMAGE, VOLATILE

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import DURABLE, RedisStorage
from nact_persistence_redis import RedisPersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]
StartServer = Callable[..., RedisStorage]


@pytest.mark.parametrize("image", [OLDEST_IMAGE, NEWEST_IMAGE])
async def test_a_server_without_append_only_file_is_refused_at_opening(start_server: StartServer, image: str) -> None:
    engine = RedisPersistenceEngine(start_server(image, *VOLATILE).url)
    with pytest.raises(EngineUnavailableError, match="set appendonly yes") as refused:
        await engine.__aenter__()
    assert not isinstance(refused.value, OutcomeUnknownError)
    await engine.aclose()


@pytest.mark.parametrize("image", [OLDEST_IMAGE, NEWEST_IMAGE])
@pytest.mark.parametrize(
    ("options", "told"),
    [(VOLATILE, "set appendonly yes"), ((*DURABLE, "--maxmemory-policy", "allkeys-lru"), "noeviction")],
)
async def test_one_that_does_not_tell_its_settings_still_tells_this(
    start_server: StartServer, image: str, options: tuple[str, ...], told: str
) -> None:
    server = start_server(image, *options)
    run(server, "ACL", "SETUSER", "guest", "on", ">secret", "~*", "+@all", "-config")
    engine = RedisPersistenceEngine(server.bare_url.replace("//", "//guest:secret@"))
    with pytest.raises(EngineUnavailableError, match=told):
        await engine.__aenter__()
    await engine.aclose()


async def test_everysec_is_refused_without_waitaof(
    start_server: StartServer, numbered: Numbered, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_server(OLDEST_IMAGE, *EVERYSEC)
    engine = RedisPersistenceEngine(server.bare_url)
    with pytest.raises(EngineUnavailableError, match="in the last two seconds can be lost"):
        await engine.persist(numbered("a", 1, 1)[0])
    await engine.aclose()
    async with RedisPersistenceEngine(server.bare_url, if_weaker="warn") as warned:
        assert "in the last two seconds can be lost" in caplog.text
        await warned.persist(numbered("a", 1, 1)[0])


async def test_everysec_loses_events_with_the_power_and_says_so(
    start_server: StartServer, numbered: Numbered, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A loss of power leaves what was synced. The server itself says what that is, and the rest is cut off here."""
    caplog.set_level(logging.INFO, "nact.persistence.redis")
    server = start_server(NEWEST_IMAGE, *EVERYSEC)
    async with RedisPersistenceEngine(server.bare_url, durability="everysec") as engine:
        assert "in the last two seconds can be lost" in caplog.text
        kept, synced = await _until_one_is_not_synced(engine, server, numbered(key, 1, 20))
        server.kill()
        server.change_data(f"truncate -s {synced} /data/appendonlydir/*.incr.aof")
        server.start()
        assert [event async for event in engine.events(key)] == kept
        assert await engine.highest_sequence_number(key) == len(kept)


async def persist(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.persist(PersistedEvent(key=key, sequence_number=2, data=2, event_id="the second"))


async def delete_events(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.delete_events(key, up_to=1)


async def take_snapshot(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=2))


async def delete_snapshots(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.delete_snapshots(key, up_to=1)


@pytest.mark.parametrize("write", [persist, delete_events, take_snapshot, delete_snapshots])
async def test_an_unconfirmed_retry_is_not_acknowledged_either(
    start_server: StartServer, numbered: Numbered, key: str, write: Callable[..., Awaitable[None]]
) -> None:
    """`appendfsync no` never confirms; but a connection that wrote nothing, as a retry may, gets confirmed at once.

    This user may not know the setting.
    """
    server = start_server(NEWEST_IMAGE, *DURABLE)
    run(server, "ACL", "SETUSER", "guest", "reset", "on", ">secret", "~*", "+@all", "-config")
    url = server.bare_url.replace("//", "//guest:secret@")
    async with RedisPersistenceEngine(url, timeout=1.5, retry_for=0.2) as engine:
        await engine.persist_all(numbered(key, 1, 1))
        await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=1))
        run(server, "CONFIG", "SET", "appendfsync", "no")
        for _ in range(2):
            server.proxy.cut()
            server.proxy.mend()
            with pytest.raises(EngineUnavailableError, match="confirmed") as raised:
                await write(engine, key)
            assert isinstance(raised.value, OutcomeUnknownError)
        run(server, "CONFIG", "SET", "appendfsync", "always")
        await write(engine, key)


async def test_what_was_not_confirmed_is_not_read_as_if_it_were(
    start_server: StartServer, numbered: Numbered, key: str
) -> None:
    """Else a writer whose outcome is unknown would take it from the read that it is stored."""
    server = start_server(NEWEST_IMAGE, *DURABLE)
    run(server, "ACL", "SETUSER", "guest", "reset", "on", ">secret", "~*", "+@all", "-config")
    first, second = numbered(key, 1, 2)
    url = server.bare_url.replace("//", "//guest:secret@")
    async with RedisPersistenceEngine(url, timeout=1.0, retry_for=0.1) as engine:
        await engine.persist(first)
        run(server, "CONFIG", "SET", "appendfsync", "no")
        with pytest.raises(EngineUnavailableError, match="confirmed"):
            await engine.persist(second)
        with pytest.raises(EngineUnavailableError, match="confirmed"):
            await engine.highest_sequence_number(key)
        run(server, "CONFIG", "SET", "appendfsync", "always")
        assert [event async for event in engine.events(key)] == [first, second]


async def test_who_may_not_ask_for_a_confirmation_is_told_so(
    start_server: StartServer, numbered: Numbered, key: str
) -> None:
    server = start_server(NEWEST_IMAGE, *EVERYSEC)
    run(server, "ACL", "SETUSER", "guest", "reset", "on", ">secret", "~*", "+@all", "-waitaof")
    async with RedisPersistenceEngine(server.bare_url.replace("//", "//guest:secret@"), retry_for=3600) as engine:
        with pytest.raises(EngineUnavailableError, match="ACL") as refused:
            await engine.persist(numbered(key, 1, 1)[0])
        assert isinstance(refused.value, OutcomeUnknownError)


async def test_always_waits_for_the_fsync_of_an_everysec_server(
    start_server: StartServer, numbered: Numbered, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_server(NEWEST_IMAGE, *EVERYSEC)
    async with RedisPersistenceEngine(server.bare_url) as engine:
        await engine.persist_all(numbered(key, 1, 2))
        synced = _logged(server)
        server.kill()
        server.change_data(f"truncate -s {synced} /data/appendonlydir/*.incr.aof")
        server.start()
        assert [event.sequence_number async for event in engine.events(key)] == [1, 2]
    assert "waits for the next fsync" in caplog.text


async def test_settings_that_changed_in_an_outage_are_noticed(
    start_server: StartServer, numbered: Numbered, key: str
) -> None:
    server = start_server(OLDEST_IMAGE, *("--appendonly", "yes", "--appendfsync", "always"))
    first, second = numbered(key, 1, 2)
    async with RedisPersistenceEngine(server.bare_url) as engine:
        await engine.persist(first)
        run(server, "CONFIG", "SET", "appendfsync", "no")
        server.proxy.cut()
        server.proxy.mend()
        with pytest.raises(EngineUnavailableError, match="set appendfsync always"):
            await engine.persist(second)


async def test_they_are_noticed_after_the_drivers_health_check_too(
    start_server: StartServer, numbered: Numbered, key: str
) -> None:
    server = start_server(NEWEST_IMAGE, *DURABLE)
    first, second = numbered(key, 1, 2)
    client = Redis(port=server.proxy.port, health_check_interval=3600)
    async with client, RedisPersistenceEngine(client) as engine:
        await engine.persist(first)
        connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        connection.next_health_check = 0  # it is due
        await client.connection_pool.release(connection)
        run(server, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        server.proxy.lose_request()
        with pytest.raises(EngineUnavailableError, match="set noeviction"):
            await engine.persist(second)


async def test_a_replica_that_is_missing_is_waited_for(start_server: StartServer, numbered: Numbered, key: str) -> None:
    """After a failover, say: the new primary has none until the old one has come back."""
    server, replica = start_server(NEWEST_IMAGE, *DURABLE), start_server(NEWEST_IMAGE, *DURABLE)
    (event,) = numbered(key, 1, 1)
    hasty = RedisPersistenceEngine(server.bare_url, replicas=1, retry_for=0.5)
    with pytest.raises(EngineUnavailableError, match="has 0 replicas, and 1 have to confirm"):
        await hasty.persist(event)
    await hasty.aclose()
    engine = RedisPersistenceEngine(server.bare_url, replicas=1, retry_for=60)
    persisting = asyncio.create_task(engine.persist(event))
    await asyncio.to_thread(run, replica, "REPLICAOF", server.address, 6379)
    await persisting
    await engine.aclose()
    with client_of(replica) as client:
        assert client.xlen(f"nact:{{{key}}}:events") == 1


async def test_a_replica_is_refused_until_it_is_promoted(
    start_server: StartServer, numbered: Numbered, key: str
) -> None:
    server, replica = start_server(NEWEST_IMAGE, *DURABLE), start_server(NEWEST_IMAGE, *DURABLE)
    run(replica, "REPLICAOF", server.address, 6379)
    hasty = RedisPersistenceEngine(replica.bare_url, retry_for=0.1)
    with pytest.raises(EngineUnavailableError, match="name its master"):
        await hasty.persist(numbered(key, 1, 1)[0])
    await hasty.aclose()
    patient = RedisPersistenceEngine(replica.bare_url, retry_for=60)
    persisting = asyncio.create_task(patient.persist(numbered(key, 1, 1)[0]))
    await asyncio.to_thread(run, replica, "REPLICAOF", "NO", "ONE")
    await persisting
    await patient.aclose()


@pytest.mark.parametrize("image", [OLDEST_IMAGE, NEWEST_IMAGE])
async def test_what_a_replica_does_not_confirm_is_not_acknowledged(
    start_server: StartServer, numbered: Numbered, key: str, image: str
) -> None:
    server, replica = start_server(image, *DURABLE), start_server(image, *DURABLE)
    first, second = numbered(key, 1, 2)
    run(replica, "REPLICAOF", server.address, 6379)
    async with RedisPersistenceEngine(server.bare_url, replicas=1, retry_for=60) as patient:
        await patient.persist(first)
        replica.pause()
        async with RedisPersistenceEngine(server.bare_url, replicas=1, timeout=1, retry_for=0.2) as hasty:
            with pytest.raises(EngineUnavailableError, match="enough replicas") as raised:
                await hasty.persist(second)
            assert isinstance(raised.value, OutcomeUnknownError)
        replica.resume()
        await patient.persist(second)
        assert [event async for event in patient.events(key)] == [first, second]


async def test_a_lost_outcome_stays_unknown_when_the_server_is_refused(
    start_server: StartServer, numbered: Numbered, key: str
) -> None:
    """The event is stored; its acknowledgement is lost; then the server promises too little to be asked again."""
    server = start_server(OLDEST_IMAGE, *("--appendonly", "yes", "--appendfsync", "always"))
    first, second = numbered(key, 1, 2)
    async with RedisPersistenceEngine(server.bare_url) as engine:
        await engine.persist(first)
        run(server, "CONFIG", "SET", "appendfsync", "no")
        server.proxy.lose_reply()
        with pytest.raises(EngineUnavailableError, match="set appendfsync always") as raised:
            await engine.persist(second)
        assert isinstance(raised.value, OutcomeUnknownError)


async def _until_one_is_not_synced(
    engine: RedisPersistenceEngine, server: RedisStorage, events: list[PersistedEvent]
) -> tuple[list[PersistedEvent], int]:
    """Persists events until one is acknowledged that isn't on the disk. Returns those before it, and the bytes synced.

    A mark is written before each event. As long as the server hasn't synced the mark, it hasn't the event either.
    """
    with client_of(server) as client:
        for place, event in enumerate(events):
            client.set("mark", place)
            assert client.execute_command("WAITAOF", 1, 0, 5000) == [1, 0]
            synced = _logged(server)
            client.set("mark", event.event_id)
            await engine.persist(event)
            if client.execute_command("WAITAOF", 1, 0, 1) == [0, 0]:
                return events[:place], synced
    pytest.fail(f"each of {len(events)} events was synced at once")


def _logged(server: RedisStorage) -> int:
    """The size of the append-only file in bytes, by the server's own count."""
    with client_of(server) as client:
        told = client.info("persistence")
        return int(told["aof_current_size"]) - int(told["aof_base_size"])
