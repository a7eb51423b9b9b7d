"""Servers that speak TLS only: the certificates that are trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from redis.asyncio import RedisCluster
from redis_servers.servers import NEWEST_IMAGE, OLDEST_IMAGE
from redis_servers.tls import Certificates, tls_server

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent
from nact_conformance.containers import ContainerStorage
from nact_persistence_redis import RedisPersistenceEngine, engine_from_url

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=[OLDEST_IMAGE, NEWEST_IMAGE], ids=["oldest", "newest"])
def tls(request: pytest.FixtureRequest, certificates: Certificates, containers: None) -> Iterator[ContainerStorage]:
    with tls_server(request.param, certificates) as server:
        yield server


@pytest.fixture(scope="module")
def tls_cluster(certificates: Certificates, containers: None) -> Iterator[ContainerStorage]:
    """A cluster of one node, which tells clients its own port."""
    with tls_server(NEWEST_IMAGE, certificates, "--cluster-enabled", "yes", "--tls-cluster", "yes") as node:
        files = ("--tls", "--cacert", "/tmp/ca.pem", "--cert", "/tmp/cert.pem", "--key", "/tmp/key.pem")
        node.run("redis-cli", "-p", str(node.port), *files, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        yield node


@pytest.mark.parametrize("protocol", [2, 3])
async def test_a_server_is_reached_by_tls(
    tls: ContainerStorage, certificates: Certificates, key: str, numbered: Numbered, protocol: int
) -> None:
    events = numbered(key, 1, 3)
    async with engine_from_url(f"{tls.url}?{certificates.query}&protocol={protocol}") as engine:
        await engine.persist_all(events)
        assert [event async for event in engine.events(key)] == events


async def test_a_server_of_another_authority_is_told_nothing(
    tls: ContainerStorage, certificates: Certificates, key: str, numbered: Numbered
) -> None:
    query = certificates.query.replace(certificates.authority, certificates.stranger)
    engine = RedisPersistenceEngine(f"{tls.url}?{query}", retry_for=0.1)
    with pytest.raises(EngineUnavailableError, match="certificate verify failed") as refused:
        await engine.persist(numbered(key, 1, 1)[0])
    assert not isinstance(refused.value, OutcomeUnknownError)
    await engine.aclose()


async def test_a_certificate_for_another_host_is_not_accepted(
    tls: ContainerStorage, certificates: Certificates, key: str, numbered: Numbered
) -> None:
    url = tls.url.replace("127.0.0.1", "localhost")
    engine = RedisPersistenceEngine(f"{url}?{certificates.query}", retry_for=0.1)
    with pytest.raises(EngineUnavailableError, match="Hostname mismatch"):
        await engine.persist(numbered(key, 1, 1)[0])
    await engine.aclose()


async def test_a_client_without_a_certificate_is_refused(
    tls: ContainerStorage, certificates: Certificates, key: str, numbered: Numbered
) -> None:
    engine = RedisPersistenceEngine(f"{tls.url}?ssl_ca_certs={certificates.authority}", retry_for=0.1)
    with pytest.raises(EngineUnavailableError):
        await engine.persist(numbered(key, 1, 1)[0])
    await engine.aclose()
    async with engine_from_url(f"{tls.url}?{certificates.query}") as trusted:
        assert await trusted.highest_sequence_number(key) == 0


async def test_a_clusters_nodes_are_reached_by_tls(
    tls_cluster: ContainerStorage, certificates: Certificates, key: str, numbered: Numbered
) -> None:
    events = numbered(key, 1, 3)
    async with engine_from_url(f"rediss+cluster://127.0.0.1:{tls_cluster.port}/?{certificates.query}") as engine:
        await engine.persist_all(events)
        assert [event async for event in engine.events(key)] == events


async def test_a_cluster_client_that_uses_tls_is_followed(
    tls_cluster: ContainerStorage, certificates: Certificates, key: str, numbered: Numbered
) -> None:
    events = numbered(key, 1, 3)
    url = f"rediss://127.0.0.1:{tls_cluster.port}/?{certificates.query}"
    async with RedisCluster.from_url(url) as client, RedisPersistenceEngine(client) as engine:
        await engine.persist_all(events)
        assert [event async for event in engine.events(key)] == events
