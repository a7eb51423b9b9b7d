"""A primary that dies, and the replica that Sentinel puts in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from redis_servers.sentinel import WatchedPair
from redis_servers.servers import NEWEST_IMAGE, OLDEST_IMAGE

from nact.persistence import PersistedEvent
from nact_persistence_redis import RedisPersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]
WRITERS, EVENTS = 20, 60


@pytest.fixture(params=[OLDEST_IMAGE, NEWEST_IMAGE], ids=["oldest", "newest"])
def pair(request: pytest.FixtureRequest, containers: None) -> Iterator[WatchedPair]:
    pair = WatchedPair(request.param)
    pair.start()
    yield pair
    pair.stop()


async def test_what_a_replica_confirmed_survives_a_failover_and_writers_carry_on(
    pair: WatchedPair, key: str, numbered: Numbered
) -> None:
    halfway, promoted = asyncio.Event(), asyncio.Event()
    acknowledged: dict[str, int] = {}

    async def write(engine: RedisPersistenceEngine, actor: str) -> None:
        for event in numbered(actor, 1, EVENTS):
            await engine.persist(event)
            acknowledged[actor] = event.sequence_number
            if event.sequence_number == EVENTS // 2:
                halfway.set()
                await promoted.wait() if actor.endswith("-0") else None

    async with RedisPersistenceEngine(pair.url, replicas=1, retry_for=60) as engine:
        writers = asyncio.gather(*[write(engine, f"{key}-{writer}") for writer in range(WRITERS)])
        await halfway.wait()
        await asyncio.to_thread(pair.kill_primary)
        before = dict(acknowledged)
        async with RedisPersistenceEngine(pair.url, if_weaker="accept") as reader:
            for actor, number in before.items():
                assert await reader.highest_sequence_number(actor) >= number
        promoted.set()
        await asyncio.to_thread(pair.bring_back_as_replica)
        await writers
        for writer in range(WRITERS):
            numbers = [event.sequence_number async for event in engine.events(f"{key}-{writer}")]
            assert numbers == list(range(1, EVENTS + 1))
