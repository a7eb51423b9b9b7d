"""Three primaries, and what they add to the laws: nodes that die alone, slots that move."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from redis.asyncio import RedisCluster as Client
from redis.crc import key_slot
from redis_servers.cluster import RedisCluster
from redis_servers.servers import VERSIONS
from redis_servers.writers import Writers

from nact.errors import EngineUnavailableError
from nact.persistence import PersistedEvent
from nact_persistence_redis import RedisPersistenceEngine, engine_from_url
from nact_persistence_redis._statements.names import Names

pytestmark = pytest.mark.usefixtures("containers")
Numbered = Callable[..., list[PersistedEvent]]
NAMES = Names("nact:")


@pytest.fixture(scope="module", params=VERSIONS, ids=["oldest", "newest"])
def cluster(request: pytest.FixtureRequest, containers: None) -> Iterator[RedisCluster]:
    cluster = RedisCluster(request.param)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(params=VERSIONS, ids=["oldest", "newest"])
def cluster_with_replica(request: pytest.FixtureRequest, containers: None) -> Iterator[RedisCluster]:
    cluster = RedisCluster(request.param, silence=1500, has_replica=True)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.mark.anyio
async def test_a_node_that_is_down_takes_its_own_keys_only(cluster: RedisCluster, key: str, numbered: Numbered) -> None:
    keys = {node: _key_on(cluster, key, node) for node in range(3)}
    async with engine_from_url(cluster.url) as engine:
        for each in keys.values():
            await engine.persist(numbered(each, 1, 1)[0])
        await asyncio.to_thread(cluster.kill, 2)
        lost = asyncio.create_task(engine.persist(numbered(keys[2], 2, 2)[0]))
        for node in (0, 1):
            await engine.persist(numbered(keys[node], 2, 2)[0])
            assert [event.sequence_number async for event in engine.events(keys[node])] == [1, 2]
        with pytest.raises(EngineUnavailableError):
            await lost
        await asyncio.to_thread(cluster.restart, 2)
        await engine.persist(numbered(keys[2], 2, 2)[0])
        assert [event.sequence_number async for event in engine.events(keys[2])] == [1, 2]


@pytest.mark.anyio
async def test_writers_do_not_notice_a_node_that_restarts(cluster: RedisCluster, key: str) -> None:
    writers = Writers([f"{key}-{actor}" for actor in range(30)], count=40)
    async with RedisPersistenceEngine(cluster.bare_url, retry_for=30) as engine:
        writing = writers.start(engine)
        await writers.halfway.wait()
        await asyncio.to_thread(cluster.kill, 1)
        await asyncio.to_thread(cluster.restart, 1)
        await writing
        await writers.check(engine)


@pytest.mark.anyio
async def test_writers_do_not_notice_nodes_that_forgot_scripts(cluster: RedisCluster, key: str) -> None:
    writers = Writers([f"{key}-{actor}" for actor in range(30)], count=40)
    async with engine_from_url(cluster.url) as engine:
        writing = writers.start(engine)
        while not writing.done():
            await asyncio.to_thread(cluster.forget_scripts)
        await writing
        await writers.check(engine)


@pytest.mark.anyio
async def test_a_promoted_replica_has_what_it_confirmed(
    cluster_with_replica: RedisCluster, key: str, numbered: Numbered
) -> None:
    """Keys of the first node, whose replica confirms each event; and a bystander's, of another node."""
    cluster = cluster_with_replica
    writers = Writers([_key_on(cluster, f"{key}-{actor}", 0) for actor in range(10)], count=40)
    writers.may_end.clear()
    bystander = _key_on(cluster, key, 1)
    # The other nodes have no replica, and are accepted all the same.
    async with RedisPersistenceEngine(cluster.bare_url, replicas=1, if_weaker="accept", retry_for=60) as engine:
        writing = writers.start(engine)
        await writers.halfway.wait()
        await asyncio.to_thread(cluster.kill, 0)
        acknowledged = dict(writers.acknowledged)
        async with engine_from_url(cluster.url) as other:
            await other.persist_all(numbered(bystander, 1, 1))
            await asyncio.to_thread(cluster.await_failover)
            for actor, number in acknowledged.items():
                assert await other.highest_sequence_number(actor) >= number
        writers.may_end.set()
        await asyncio.to_thread(cluster.start)  # the first node comes back, and follows the new primary
        await writing
        await writers.check(engine)


@pytest.mark.anyio
async def test_a_slot_that_moves_takes_its_journals_with_it(
    cluster: RedisCluster, key: str, numbered: Numbered
) -> None:
    """Before, during (ASK) and after the move (MOVED), the same engine reads and writes."""
    source = cluster.node_of(NAMES.events(key).decode())
    target = (source + 1) % 3
    async with engine_from_url(cluster.url) as engine:
        first, second, third, fourth = numbered(key, 1, 4)
        await engine.persist(first)
        with cluster.moving(key_slot(NAMES.events(key)), source, target) as move:
            await engine.persist(second)
            move(NAMES.events(key))
            await engine.persist(third)
            assert [event async for event in engine.events(key)] == [first, second, third]
        await engine.persist(fourth)
        assert [event async for event in engine.events(key)] == [first, second, third, fourth]
        assert cluster.node_of(NAMES.events(key).decode()) == target


@pytest.mark.anyio
async def test_keys_of_all_nodes_are_listed(cluster: RedisCluster, key: str, numbered: Numbered) -> None:
    keys = [_key_on(cluster, key, node) for node in range(3)]
    async with engine_from_url(cluster.url) as engine:
        for each in keys:
            await engine.persist(numbered(each, 1, 1)[0])
        assert sorted([found async for found in engine.keys(prefix=key)]) == sorted(keys)


@pytest.mark.anyio
async def test_a_cluster_client_that_was_passed_in_stays_open(
    cluster: RedisCluster, key: str, numbered: Numbered
) -> None:
    async with Client(host="127.0.0.1", port=cluster.ports[0]) as client:
        async with RedisPersistenceEngine(client) as engine:
            await engine.persist_all(numbered(key, 1, 3))
            assert await engine.highest_sequence_number(key) == 3
        assert await client.exists(NAMES.events(key)) == 1


@pytest.mark.anyio
async def test_a_clients_address_remap_is_used(cluster: RedisCluster, key: str, numbered: Numbered) -> None:
    keys = [_key_on(cluster, key, node) for node in range(3)]
    client = Client(host="127.0.0.1", port=cluster.ports[0], address_remap=cluster.past_the_proxies)
    async with client, RedisPersistenceEngine(client) as engine:
        before = cluster.proxy.round_trips
        for each in keys:
            await engine.persist_all(numbered(each, 1, 3))
        assert cluster.proxy.round_trips == before


def _key_on(cluster: RedisCluster, key: str, node: int) -> str:
    """A key of this node."""
    names = (f"{key}-{number}" for number in range(1000))
    return next(name for name in names if cluster.node_of(NAMES.events(name).decode()) == node)
