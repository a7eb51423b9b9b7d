"""The rights that a user of Redis needs: those that the README lists, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis_servers.clients import run
from redis_servers.cluster import RedisCluster
from redis_servers.servers import OLDEST_IMAGE

from nact.errors import EngineUnavailableError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.records import tombstone
from nact_conformance.containers import RedisStorage
from nact_persistence_redis import RedisPersistenceEngine, engine_from_url

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]

_LISTED = (Path(__file__).parents[1] / "README.md").read_text().partition("ACL SETUSER nact on >password ")[2]
LEAST_RIGHTS = _LISTED.partition("```")[0].split()
FOR_SOME = {"+config|get", "+wait", "+waitaof", "+client|id", "+client|kill"}
"""To check the settings; for replicas, and for a log that is synced later; to end connections that were given up."""
IN_A_CLUSTER = ["+cluster|slots", "+asking"]


def rights_for(version: str) -> list[str]:
    return [right for right in LEAST_RIGHTS if right != "+waitaof" or " 7.0" not in version]


@pytest.fixture(scope="module")
def cluster(containers: None) -> Iterator[RedisCluster]:
    cluster = RedisCluster(OLDEST_IMAGE)
    cluster.start()
    yield cluster
    cluster.stop()


async def use_everything(engine: RedisPersistenceEngine, key: str, numbered: Numbered) -> None:
    await engine.persist_all(numbered(key, 1, 9))
    await engine.persist_all(numbered(key, 10, 11))
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=9, data=1))
    assert await engine.latest_snapshot(key) is not None
    await engine.delete_snapshots(key, up_to=9)
    await engine.delete_events(key, up_to=10)
    await engine.delete_events(key, up_to=10)
    await engine.persist(tombstone(numbered(f"copy:{key}", 7, 7)[0]))
    assert [event.sequence_number async for event in engine.events(key)] == [10, 11]
    assert await engine.highest_sequence_number(key) == 11
    assert [found async for found in engine.keys(prefix=key)] == [key]


@pytest.mark.parametrize("protocol", [2, 3])
async def test_the_rights_that_the_readme_lists_are_enough(
    server: RedisStorage, key: str, numbered: Numbered, protocol: int
) -> None:
    run(server, "ACL", "SETUSER", "nact", "reset", "on", ">secret", *rights_for(server.version))
    url = server.bare_url.replace("//", "//nact:secret@")
    async with engine_from_url(f"{url}?protocol={protocol}") as engine:
        assert isinstance(engine, RedisPersistenceEngine)
        await use_everything(engine, key, numbered)


async def test_they_are_enough_in_a_cluster_with_two_more(cluster: RedisCluster, key: str, numbered: Numbered) -> None:
    for node in range(3):
        with cluster.client(node) as client:
            rights = [*rights_for(cluster.version), *IN_A_CLUSTER]
            client.execute_command("ACL", "SETUSER", "nact", "reset", "on", ">secret", *rights)
    async with RedisPersistenceEngine(cluster.bare_url.replace("//", "//nact:secret@")) as engine:
        await use_everything(engine, key, numbered)


@pytest.mark.parametrize("right", [right for right in LEAST_RIGHTS if right not in FOR_SOME])
async def test_none_of_them_can_be_left_out(server: RedisStorage, key: str, numbered: Numbered, right: str) -> None:
    rights = [each for each in rights_for(server.version) if each != right]
    run(server, "ACL", "SETUSER", "less", "reset", "on", ">secret", *rights)
    run(server, "SCRIPT", "FLUSH")  # so that the scripts have to be sent
    engine = RedisPersistenceEngine(server.bare_url.replace("//", "//less:secret@"))
    with pytest.raises(EngineUnavailableError, match="ACL"):
        await use_everything(engine, key, numbered)
    await engine.aclose()
