"""What a server promises, held against what was asked for; and what that means when the power goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis
from redis_servers.clients import client_of, run
from redis_servers.servers import EVERYSEC, NEVER, NEWEST_IMAGE, OLDEST_IMAGE, VOLATILE

from nact.errors import EngineUnavailableError
from nact.persistence import PersistedEvent
from nact_conformance.containers import DURABLE, RedisStorage
from nact_persistence_redis import RedisPersistenceEngine
from nact_persistence_redis._durability import Promise
from nact_persistence_redis._server_settings import ServerSettings

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]
StartServer = Callable[..., RedisStorage]


def settings(**changed: Any) -> ServerSettings:
    safe: dict[str, Any] = {
        "version": (7, 0),
        "is_replica": False,
        "replicas": 0,
        "appends": True,
        "syncs": "always",
        "evicts": "noeviction",
    }
    return ServerSettings(**{**safe, **changed})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"appends": False}, "set appendonly yes"),
        ({"syncs": "everysec"}, "set appendfsync always"),
        ({"syncs": "no", "version": (6, 2)}, "set appendfsync always"),
        ({"evicts": "allkeys-lru"}, "set noeviction"),
        ({"is_replica": True}, "follows another server"),
    ],
)
def test_a_server_that_promises_less_is_refused(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(EngineUnavailableError, match=told):
        Promise("always", "refuse", 0, 1.0).check(settings(**changed))


@pytest.mark.parametrize("changed", [{"version": (8, 0)}, {"version": (8, 0), "evicts": "volatile-lru"}])
def test_a_server_that_promises_enough_is_taken(changed: dict[str, Any]) -> None:
    Promise("always", "refuse", 0, 1.0).check(settings(**changed))


def test_missing_replicas_are_refused() -> None:
    with pytest.raises(EngineUnavailableError, match="1 replicas"):
        Promise("always", "refuse", 2, 1.0).check(settings(replicas=1))


def test_what_the_server_does_not_tell_is_said_to_be_unknown(caplog: pytest.LogCaptureFixture) -> None:
    Promise("always", "refuse", 0, 1.0).check(settings(syncs=None, evicts=None))
    assert "CONFIG GET" in caplog.text


def test_a_possible_failover_is_told(caplog: pytest.LogCaptureFixture) -> None:
    Promise("always", "refuse", 0, 1.0).check(settings(replicas=1))
    assert "failover" in caplog.text


def test_the_same_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    promise = Promise("always", "warn", 0, 1.0)
    promise.check(settings(syncs="everysec"))
    promise.check(settings(syncs="everysec"))
    assert caplog.text.count("set appendfsync always") == 1


def test_the_servers_reply_is_enough_where_it_comes_after_the_fsync() -> None:
    assert Promise("always", "refuse", 0, 1.0).confirmation(settings(version=(8, 0))) is None


def test_where_the_fsync_comes_later_it_is_waited_for() -> None:
    confirmation = Promise("always", "refuse", 1, 1.0).confirmation(settings(version=(7, 2), syncs="everysec"))
    assert confirmation is not None
    assert confirmation.commands == (("WAIT", 1, 100), ("WAITAOF", 1, 1, 1000))
    assert confirmation.holds([1, 1])
    assert confirmation.holds([1, 2])
    assert not confirmation.holds([0, 1])
    assert not confirmation.holds([1, 0])


def test_an_older_server_confirms_replicas_only() -> None:
    confirmation = Promise("always", "refuse", 2, 1.0).confirmation(settings())
    assert confirmation is not None
    assert confirmation.commands == (("WAIT", 2, 1000),)
    assert confirmation.holds(2)
    assert not confirmation.holds(1)


# --- on servers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", [OLDEST_IMAGE, NEWEST_IMAGE])
async def test_a_server_without_append_only_file_is_refused_at_opening(start_server: StartServer, image: str) -> None:
    engine = RedisPersistenceEngine(start_server(image, *VOLATILE).url)
    with pytest.raises(EngineUnavailableError, match="set appendonly yes") as refused:
        await engine.__aenter__()
    assert refused.value.outcome_known
    await engine.aclose()


async def test_everysec_is_refused_where_its_fsync_cannot_be_waited_for(
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


async def test_everysec_loses_acknowledged_events_when_the_power_goes_and_says_so(
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


async def test_what_is_not_confirmed_is_not_acknowledged_neither_at_first_nor_when_it_comes_again(
    start_server: StartServer, numbered: Numbered, key: str
) -> None:
    """`appendfsync no` never confirms; but a connection that wrote nothing, as a retry may, gets confirmed at once."""
    server = start_server(NEWEST_IMAGE, *NEVER)
    (event,) = numbered(key, 1, 1)
    async with RedisPersistenceEngine(server.bare_url, timeout=1.5, retry_for=0.2) as engine:
        for _ in range(2):
            with pytest.raises(EngineUnavailableError, match="confirmed") as raised:
                await engine.persist(event)
            assert not raised.value.outcome_known
            server.proxy.cut()
            server.proxy.mend()
        run(server, "CONFIG", "SET", "appendfsync", "always")
        await engine.persist(event)
        assert [found async for found in engine.events(key)] == [event]


async def test_with_always_the_fsync_is_waited_for_on_a_server_with_everysec(
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


async def test_settings_that_changed_while_the_server_was_away_are_noticed(
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


async def test_they_are_noticed_too_when_the_drivers_health_check_mends_the_connection(
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
            assert not raised.value.outcome_known
        replica.resume()
        await patient.persist(second)
        assert [event async for event in patient.events(key)] == [first, second]


async def test_an_outcome_that_was_lost_stays_unknown_when_the_server_is_refused_meanwhile(
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
        assert not raised.value.outcome_known


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
    """How many bytes the append-only file has, by the server's own count."""
    with client_of(server) as client:
        told = client.info("persistence")
        return int(told["aof_current_size"]) - int(told["aof_base_size"])
