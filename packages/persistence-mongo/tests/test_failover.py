"""A replica set of three members loses its primary while many write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient, MongoClient
from pymongo.uri_parser import parse_uri

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent
from nact_conformance.containers import MongoReplicaSet
from nact_persistence_mongo import MongoPersistenceEngine

pytestmark = [pytest.mark.anyio, pytest.mark.crash, pytest.mark.usefixtures("containers")]


@pytest.fixture(scope="module")
def replica_set(containers: None) -> Iterator[MongoReplicaSet]:
    members = MongoReplicaSet()
    members.start()
    yield members
    members.stop()


class Writers:
    """Twenty tasks, each appending to a key of its own."""

    def __init__(self, engine: MongoPersistenceEngine) -> None:
        self.acknowledged: dict[str, list[str]] = {f"failover:{uuid4()}": [] for _ in range(20)}
        self._engine = engine
        self._is_over = False
        self._tasks = [asyncio.ensure_future(self._write(key)) for key in self.acknowledged]

    async def progress(self, count: int) -> None:
        """Returns when each of them has written this many more events."""
        goal = {key: len(ids) + count for key, ids in self.acknowledged.items()}
        while any(len(self.acknowledged[key]) < goal[key] for key in goal):
            failed = [task for task in self._tasks if task.done()]
            assert not failed, f"a writer ended with {failed[0].exception()!r}"
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def check(self) -> None:
        """Checks that the journals hold the acknowledged events, in order, and no others."""
        for key, ids in self.acknowledged.items():
            found = [(each.sequence_number, each.event_id) async for each in self._engine.events(key)]
            assert found == list(enumerate(ids, 1))

    async def _write(self, key: str) -> None:
        ids = self.acknowledged[key]
        while not self._is_over:
            event = PersistedEvent(key=key, sequence_number=len(ids) + 1, data=key)
            await self._engine.persist(event)
            ids.append(event.event_id)


@pytest.fixture(params=["motor", "pymongo"])
async def engine(replica_set: MongoReplicaSet, request: pytest.FixtureRequest) -> AsyncIterator[MongoPersistenceEngine]:
    client: AsyncMongoClient[Any] = AsyncMongoClient(replica_set.url)
    source = replica_set.url if request.param == "motor" else client
    async with client, MongoPersistenceEngine(source, database="laws", retry_for=30) as engine:
        yield engine


async def test_writers_carry_on_when_the_primary_is_killed(
    engine: MongoPersistenceEngine, replica_set: MongoReplicaSet
) -> None:
    writers = Writers(engine)
    await writers.progress(20)
    primary = await asyncio.to_thread(replica_set.primary)
    await asyncio.to_thread(replica_set.kill, primary)
    await writers.progress(20)
    await writers.stop()
    await writers.check()
    await asyncio.to_thread(replica_set.restart, primary)


async def test_writers_carry_on_when_the_primary_steps_down(
    engine: MongoPersistenceEngine, replica_set: MongoReplicaSet
) -> None:
    writers = Writers(engine)
    await writers.progress(20)
    await asyncio.to_thread(_step_down, await asyncio.to_thread(replica_set.primary))
    await writers.progress(20)
    await writers.stop()
    await writers.check()


async def test_what_is_found_stored_is_acknowledged_by_all(replica_set: MongoReplicaSet) -> None:
    primary = await asyncio.to_thread(replica_set.primary)
    other = next(port for port in _ports(replica_set) if port != primary)
    async with MongoPersistenceEngine(replica_set.url, database="laws", w=3, retry_for=3) as engine:
        key = f"found:{uuid4()}"
        await engine.persist(PersistedEvent(key=key, sequence_number=1, data=1))
        await asyncio.to_thread(replica_set.kill, other)
        mine = PersistedEvent(key=key, sequence_number=2, data=2)
        for _ in range(2):  # the first one stores it, where two members have it; the second one finds it there
            with pytest.raises(EngineUnavailableError) as caught:
                await engine.persist(mine)
            assert isinstance(caught.value, OutcomeUnknownError)
        await asyncio.to_thread(replica_set.restart, other)
        while await _fails(engine.persist(mine)):
            pass
        assert [each.event_id async for each in engine.events(key)][1:] == [mine.event_id]


def _ports(replica_set: MongoReplicaSet) -> list[int]:
    return [port for _, port in parse_uri(replica_set.url)["nodelist"]]


async def _fails(write: Awaitable[None]) -> bool:
    try:
        await write
    except EngineUnavailableError:
        return True
    return False


def _step_down(port: int) -> None:
    shell: MongoClient[dict[str, object]]
    with MongoClient("127.0.0.1", port, directConnection=True) as shell:
        shell.admin.command("replSetStepDown", 5, force=True)
