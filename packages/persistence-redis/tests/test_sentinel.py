"""A primary that dies, and the replica that Sentinel puts in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from redis_servers.sentinel import WatchedPair
from redis_servers.servers import VERSIONS
from redis_servers.writers import Writers

from nact.persistence import PersistedEvent
from nact_persistence_redis import RedisPersistenceEngine

pytestmark = pytest.mark.anyio


@pytest.fixture(params=VERSIONS, ids=["oldest", "newest"])
def pair(request: pytest.FixtureRequest, containers: None) -> Iterator[WatchedPair]:
    pair = WatchedPair(request.param)
    pair.start()
    yield pair
    pair.stop()


async def test_confirmed_events_survive_a_failover_under_load(pair: WatchedPair, key: str) -> None:
    writers = Writers([f"{key}-{actor}" for actor in range(20)], count=60)
    writers.may_end.clear()
    async with RedisPersistenceEngine(pair.url, replicas=1, retry_for=60) as engine:
        writing = writers.start(engine)
        await writers.halfway.wait()
        await asyncio.to_thread(pair.kill_primary)
        acknowledged = dict(writers.acknowledged)
        async with RedisPersistenceEngine(pair.url, if_weaker="accept") as reader:
            for actor, number in acknowledged.items():
                assert await reader.highest_sequence_number(actor) >= number
        writers.may_end.set()
        await asyncio.to_thread(pair.bring_back_as_replica)
        await writing
        await writers.check(engine)


async def test_sentinels_that_are_silent_or_gone_are_passed_over(
    pair: WatchedPair, key: str, numbered: Callable[..., list[PersistedEvent]]
) -> None:
    pair.freeze_watcher(0)
    pair.kill_watcher(1)
    async with RedisPersistenceEngine(pair.url) as engine:
        await engine.persist_all(numbered(key, 1, 3))
        assert await engine.highest_sequence_number(key) == 3
