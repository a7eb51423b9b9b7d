"""Requests that reach the server when their client has given them up: what was read meanwhile stays true."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster as Client
from redis_servers.clients import run
from redis_servers.cluster import RedisCluster
from redis_servers.late import LateLine
from redis_servers.sentinel import WatchedPair
from redis_servers.servers import VERSIONS

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import RedisStorage
from nact_persistence_redis import RedisPersistenceEngine
from nact_persistence_redis._statements.names import Names

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]
Write = Callable[[RedisPersistenceEngine, str], Awaitable[None]]
Seen = tuple[list[PersistedEvent], int, PersistedSnapshot | None]


@pytest.fixture
async def line(server: RedisStorage) -> AsyncIterator[LateLine]:
    async with LateLine(server.port).running() as line:
        yield line


async def persist(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.persist(PersistedEvent(key=key, sequence_number=5, data="late"))


async def persist_all(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.persist_all([PersistedEvent(key=key, sequence_number=n, data="late") for n in (5, 6)])


async def take_snapshot(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=4, data="late"))


async def take_it_again(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=3, data="late"))


async def delete_events(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.delete_events(key, up_to=2)


async def delete_snapshots(engine: RedisPersistenceEngine, key: str) -> None:
    await engine.delete_snapshots(key, up_to=3)


WRITES = [persist, persist_all, take_snapshot, take_it_again, delete_events, delete_snapshots]


async def seen(engine: RedisPersistenceEngine, key: str) -> Seen:
    events = [event async for event in engine.events(key)]
    return events, await engine.highest_sequence_number(key), await engine.latest_snapshot(key)


async def fill(engine: RedisPersistenceEngine, key: str, numbered: Numbered) -> None:
    await engine.persist_all(numbered(key, 1, 4))
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=3, data="early"))
    # The server has to know the scripts, or it would do nothing that comes late.
    await engine.delete_events(f"{key}-other", up_to=1)
    await engine.delete_snapshots(f"{key}-other", up_to=1)


async def give_up(line: LateLine, write: Awaitable[None]) -> None:
    line.holds = True
    with pytest.raises(EngineUnavailableError) as raised:
        await write
    line.holds = False
    assert line.has_held
    assert isinstance(raised.value, OutcomeUnknownError)


@pytest.mark.parametrize("write", WRITES)
async def test_what_was_given_up_never_comes_after_a_read(
    server: RedisStorage, line: LateLine, key: str, numbered: Numbered, write: Write
) -> None:
    url = f"redis://127.0.0.1:{line.port}/0"
    async with RedisPersistenceEngine(url, timeout=0.5, retry_for=0.1) as engine:
        await fill(engine, key, numbered)
        before = await seen(engine, key)
        await give_up(line, write(engine, key))
        assert await seen(engine, key) == before
        assert await line.deliver()
        assert await seen(engine, key) == before
        async with RedisPersistenceEngine(server.bare_url) as other:
            assert await seen(other, key) == before
        await engine.persist(numbered(key, 5, 5)[0])


async def test_nor_after_a_write_that_was_acknowledged(line: LateLine, key: str, numbered: Numbered) -> None:
    """A snapshot that was given up doesn't replace the one of the same number that was taken instead."""
    url = f"redis://127.0.0.1:{line.port}/0"
    async with RedisPersistenceEngine(url, timeout=0.5, retry_for=0.1) as engine:
        await fill(engine, key, numbered)
        await give_up(line, take_it_again(engine, key))
        await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=3, data="newer"))
        assert await line.deliver()
        found = await engine.latest_snapshot(key)
        assert found is not None
        assert found.data == "newer"


async def test_nor_after_the_engine_was_closed(
    server: RedisStorage, line: LateLine, key: str, numbered: Numbered
) -> None:
    engine = RedisPersistenceEngine(f"redis://127.0.0.1:{line.port}/0", timeout=0.5, retry_for=0.1)
    await fill(engine, key, numbered)
    await give_up(line, persist(engine, key))
    await engine.aclose()
    async with RedisPersistenceEngine(server.bare_url) as other:
        before = await seen(other, key)
        assert await line.deliver()
        assert await seen(other, key) == before


async def test_nor_after_a_read_over_a_client_that_was_passed_in(line: LateLine, key: str, numbered: Numbered) -> None:
    async with Redis(port=line.port) as client:
        async with RedisPersistenceEngine(client, timeout=0.5, retry_for=0.1) as engine:
            await fill(engine, key, numbered)
            before = await seen(engine, key)
            await give_up(line, persist(engine, key))
            assert await seen(engine, key) == before
            assert await line.deliver()
            assert await seen(engine, key) == before
        assert await client.ping()


async def test_a_given_up_write_that_arrived_is_confirmed_by_reads(
    line: LateLine, key: str, numbered: Numbered
) -> None:
    """The read that finds it says that it is there, as the acknowledgement would have said."""
    url = f"redis://127.0.0.1:{line.port}/0"
    async with RedisPersistenceEngine(url, timeout=0.5, retry_for=0.1) as engine:
        await fill(engine, key, numbered)
        await give_up(line, persist(engine, key))
        assert await line.deliver()
        events, highest, _ = await seen(engine, key)
        assert (len(events), highest) == (5, 5)
        await engine.persist(numbered(key, 6, 6)[0])


async def test_who_may_not_end_connections_is_told_what_that_means(
    server: RedisStorage, key: str, numbered: Numbered, caplog: pytest.LogCaptureFixture
) -> None:
    run(server, "ACL", "SETUSER", "guest", "reset", "on", ">secret", "~nact:*", "+@all", "-client|kill")
    async with RedisPersistenceEngine(server.bare_url.replace("//", "//guest:secret@")) as engine:
        await engine.persist(numbered(key, 1, 1)[0])
        server.proxy.lose_reply()
        await engine.persist(numbered(key, 2, 2)[0])
        assert await engine.highest_sequence_number(key) == 2
    assert "CLIENT KILL" in caplog.text
    assert [record.levelno for record in caplog.records if "CLIENT KILL" in record.message] == [logging.WARNING]


@pytest.fixture(params=VERSIONS, ids=["oldest", "newest"])
def cluster(request: pytest.FixtureRequest, containers: None) -> Iterator[RedisCluster]:
    cluster = RedisCluster(request.param)
    cluster.start()
    yield cluster
    cluster.stop()


async def test_what_was_given_up_in_a_cluster_never_comes_after_a_read(
    cluster: RedisCluster, key: str, numbered: Numbered
) -> None:
    node = cluster.node_of(Names("nact:").events(key).decode())
    async with LateLine(cluster.ports[node]).running() as line:

        def remap(place: tuple[str, int]) -> tuple[str, int]:
            host, port = cluster.past_the_proxies(place)
            return host, line.port if port == cluster.ports[node] else port

        client = Client(host="127.0.0.1", port=cluster.ports[0], address_remap=remap)
        async with client, RedisPersistenceEngine(client, timeout=0.5, retry_for=0.1) as engine:
            await fill(engine, key, numbered)
            before = await seen(engine, key)
            await give_up(line, persist(engine, key))
            assert await seen(engine, key) == before
            assert await line.deliver()
            assert await seen(engine, key) == before
            await engine.persist(numbered(key, 5, 5)[0])


@pytest.fixture(params=VERSIONS, ids=["oldest", "newest"])
def pair(request: pytest.FixtureRequest, containers: None) -> Iterator[WatchedPair]:
    pair = WatchedPair(request.param)
    pair.start()
    yield pair
    pair.stop()


async def test_a_frozen_primarys_writes_never_come_after_a_failover(
    pair: WatchedPair, key: str, numbered: Numbered
) -> None:
    async with RedisPersistenceEngine(pair.url, replicas=1, retry_for=60) as confirmed:
        await fill(confirmed, key, numbered)
    async with RedisPersistenceEngine(pair.url, if_weaker="accept", timeout=1, retry_for=0.1) as engine:
        before = await seen(engine, key)
        await asyncio.to_thread(pair.freeze_primary)
        writing = asyncio.create_task(persist(engine, key))
        await asyncio.to_thread(pair.await_failover)
        outcome = (await asyncio.gather(writing, return_exceptions=True))[0]
        found = await seen(engine, key)
        assert found[0][:4] == before[0]
        assert (len(found[0]) == 5) >= (outcome is None)
        await asyncio.to_thread(pair.thaw_primary)
        assert await seen(engine, key) == found
        number = found[1] + 1
        await engine.persist(numbered(key, number, number)[0])
