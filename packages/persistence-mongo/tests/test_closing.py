"""Engines that are closed, event loops and processes that end, and calls that are under way meanwhile."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

import pytest
from mongo_servers.events import event, numbers
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect

from nact.errors import EngineClosedError
from nact.persistence import PersistedSnapshot
from nact.persistence.building.in_flight import InFlight
from nact_conformance.containers import MongoStorage
from nact_persistence_mongo import MongoPersistenceEngine
from nact_persistence_mongo._connections.retry import ServerRetry
from nact_persistence_mongo._documents.encoding import snapshot_bson
from nact_persistence_mongo._writing.snapshots import Snapshots

pytestmark = pytest.mark.anyio


async def test_bounds_beyond_64_bits_mean_what_they_say(engine: MongoPersistenceEngine, key: str) -> None:
    await engine.persist_all([event(key, number) for number in (1, 2, 3)])
    for bound in (2**63, 2**64, 2**100):
        assert await numbers(engine, key, after=bound) == []
        assert [each.sequence_number async for each in engine.events(key, limit=bound)] == [1, 2, 3]
    await engine.delete_events(key, up_to=2**64)
    assert await numbers(engine, key) == [3]


@pytest.mark.parametrize("options", [{"page_size": 2**64}, {"max_batch": 2**31}, {"w": 2**64}, {"w": 51}])
async def test_what_mongodb_cannot_count_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        MongoPersistenceEngine("mongodb://localhost", **options)


async def test_keys_of_megabytes_can_be_read_at_once(engine: MongoPersistenceEngine, key: str) -> None:
    keys = [f"{key}-{number}-{'x' * 1_000_000}" for number in range(20)]
    assert await asyncio.gather(*(numbers(engine, each) for each in keys)) == [[]] * 20


def drivers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("pymongo")}


def test_a_second_event_loop_ends_what_the_first_left(server: MongoStorage, key: str) -> None:
    earlier = drivers()
    engine = MongoPersistenceEngine(server.bare_url)
    asyncio.run(engine.persist(event(key, 1)))

    async def go_on() -> list[int]:
        async with engine:
            await engine.persist(event(key, 2))
            return await numbers(engine, key)

    assert asyncio.run(go_on()) == [1, 2]
    assert not drivers() - earlier


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
async def test_a_child_of_a_fork_is_told_so_at_once(server: MongoStorage, key: str) -> None:
    async with MongoPersistenceEngine(server.bare_url) as engine:
        await engine.persist(event(key, 1))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                asyncio.run(engine.persist(event(key, 2)))
            except EngineClosedError:
                code = 0
            finally:
                os._exit(code)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert await numbers(engine, key) == [1]


async def test_closing_while_it_opens_leaves_no_thread(server: MongoStorage, key: str) -> None:
    earlier = drivers()
    for passes in range(12):
        engine = MongoPersistenceEngine(server.bare_url)
        write = asyncio.ensure_future(engine.persist(event(key, 1)))
        for _ in range(passes):
            await asyncio.sleep(0)
        await engine.aclose()
        (outcome,) = await asyncio.gather(write, return_exceptions=True)
        assert outcome is None or isinstance(outcome, EngineClosedError)
    assert not drivers() - earlier


@pytest.mark.parametrize("source", ["motor", "pymongo"])
async def test_what_is_under_way_at_closing_is_done_or_told(server: MongoStorage, key: str, source: str) -> None:
    for passes in range(0, 40, 4):
        async with AsyncMongoClient[Any](server.bare_url) as client:
            engine = MongoPersistenceEngine(server.bare_url if source == "motor" else client, retry_for=5)
            mine = f"{key}-{passes}"
            await engine.persist(event(mine, 1))
            taken = PersistedSnapshot(key=mine, sequence_number=1, data=1)
            calls = [engine.persist(event(mine, 2)), engine.take_snapshot(taken), engine.delete_events(mine, up_to=1)]
            reads = [numbers(engine, mine), engine.latest_snapshot(mine), engine.highest_sequence_number(mine)]
            under_way = [asyncio.ensure_future(each) for each in (*calls, *reads)]
            for _ in range(passes):
                await asyncio.sleep(0)
            await engine.aclose()
            outcomes = await asyncio.gather(*under_way, return_exceptions=True)
        errors = [each for each in outcomes if isinstance(each, BaseException)]
        assert [each for each in errors if not isinstance(each, EngineClosedError)] == []


class Slow:
    """Commands of which the first waits until it is told to go on."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.done: list[object] = []
        self.begun = 0

    async def change(self, name: str, **fields: Any) -> int:
        self.begun += 1
        if self.begun == 1:
            await self.go_on.wait()
        self.done.append(fields["updates"][0]["u"]["data"])
        return 1


async def test_a_cancelled_snapshot_does_not_undo_a_newer_one() -> None:
    commands, writes = Slow(), InFlight()
    snapshots = Snapshots(commands, None, 5)  # type: ignore[arg-type]

    def put(data: str) -> asyncio.Future[None]:
        document = snapshot_bson(PersistedSnapshot(key="a", sequence_number=1, data=data))
        return asyncio.ensure_future(writes.finish("a", snapshots.put("a", 1, document)))

    first = put("old")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    second = put("new")
    for _ in range(5):
        await asyncio.sleep(0)
    commands.go_on.set()
    await second
    assert commands.done == ["old", "new"]


async def test_an_attempt_has_a_small_part_of_the_time() -> None:
    retry = ServerRetry(160)
    lengths = []
    for _ in range(4):
        lengths.append(retry.time_for_attempt())
        retry.failed(AutoReconnect("connection closed"))
    assert lengths == [10.0, 15.0, 22.5, 33.75]
