"""Writes that were given up, and reach the server after a read that didn't show them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mongo_servers.events import event, numbers
from mongo_servers.late import LateNetwork, late_network
from pymongo import AsyncMongoClient
from pymongo.database import Database

from nact.errors import EngineUnavailableError, OutcomeUnknownError, SequenceConflictError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import MongoStorage
from nact_persistence_mongo import MongoPersistenceEngine

pytestmark = pytest.mark.anyio

Shell = Database[dict[str, Any]]


@pytest.fixture
async def network(server: MongoStorage) -> AsyncIterator[LateNetwork]:
    async with late_network(server) as (network, _):
        yield network


@pytest.fixture(params=["motor", "pymongo"])
async def engine(network: LateNetwork, request: pytest.FixtureRequest) -> AsyncIterator[MongoPersistenceEngine]:
    url = f"mongodb://127.0.0.1:{network.port}/laws?directConnection=true"
    client: AsyncMongoClient[Any] = AsyncMongoClient(url)
    source = url if request.param == "motor" else client
    async with client, MongoPersistenceEngine(source, retry_for=3) as engine:
        yield engine


async def give_up(engine: MongoPersistenceEngine, network: LateNetwork, *events: PersistedEvent) -> None:
    """Persists events that don't arrive in time."""
    network.hold(*(each.event_id.encode() for each in events))
    with pytest.raises(EngineUnavailableError) as caught:
        await engine.persist_all(events)
    assert isinstance(caught.value, OutcomeUnknownError)
    network.hold()


@pytest.mark.parametrize("stored", [0, 1, 3])
async def test_what_a_read_denied_is_not_stored_later(
    engine: MongoPersistenceEngine, network: LateNetwork, key: str, stored: int
) -> None:
    for number in range(1, stored + 1):
        await engine.persist(event(key, number))
    await give_up(engine, network, event(key, stored + 1))
    before = await numbers(engine, key)
    await network.deliver()
    assert await numbers(engine, key) == before == [*range(1, stored + 1)]


async def test_what_highest_denied_is_not_stored_later(
    engine: MongoPersistenceEngine, network: LateNetwork, key: str
) -> None:
    await engine.persist_all([event(key, number) for number in (1, 2)])
    await give_up(engine, network, event(key, 3), event(key, 4))
    assert await engine.highest_sequence_number(key) == 2
    await network.deliver()
    assert await engine.highest_sequence_number(key) == 2
    assert await numbers(engine, key) == [1, 2]


async def test_a_key_that_was_not_listed_is_not_there_later(
    engine: MongoPersistenceEngine, network: LateNetwork, key: str
) -> None:
    await give_up(engine, network, event(key, 1))
    for _ in range(2):
        assert [each async for each in engine.keys(prefix=key)] == []
        await network.deliver()


async def test_the_number_of_a_write_given_up_can_be_used(
    engine: MongoPersistenceEngine, network: LateNetwork, shell: Shell, key: str
) -> None:
    await engine.persist(event(key, 1))
    await give_up(engine, network, event(key, 2))
    assert await numbers(engine, key) == [1]
    for number in (2, 3):
        await engine.persist(event(key, number, "new"))
    await network.deliver()
    assert [each.data async for each in engine.events(key)] == [None, "new", "new"]
    assert shell["event_journal"].count_documents({"key": key, "fence": {"$exists": True}}) == 0


async def test_another_engine_goes_on_where_a_fence_stands(
    engine: MongoPersistenceEngine, network: LateNetwork, server: MongoStorage, key: str
) -> None:
    await give_up(engine, network, event(key, 1))
    assert await numbers(engine, key) == []
    async with MongoPersistenceEngine(server.bare_url) as other:
        assert await numbers(other, key) == []
        with pytest.raises(SequenceConflictError) as caught:
            await other.persist(event(key, 2))
        assert caught.value.highest == 0
        await other.persist_all([event(key, number) for number in (1, 2)])
        with pytest.raises(SequenceConflictError):
            await engine.persist(event(key, 1))
        await network.deliver()
        assert await numbers(other, key) == [1, 2]


async def test_of_two_writers_at_a_fence_one_wins(
    engine: MongoPersistenceEngine, network: LateNetwork, server: MongoStorage, key: str
) -> None:
    await give_up(engine, network, event(key, 1))
    assert await numbers(engine, key) == []
    async with MongoPersistenceEngine(server.bare_url) as other:
        writes = [engine.persist(event(key, 1, "one")), other.persist(event(key, 1, "other"))]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "SequenceConflictError"]
        winner = "one" if outcomes[0] is None else "other"
        assert [each.data async for each in other.events(key)] == [winner]


async def test_a_write_in_place_of_a_fence_can_be_late_too(
    engine: MongoPersistenceEngine, network: LateNetwork, key: str
) -> None:
    await give_up(engine, network, event(key, 1))
    assert await numbers(engine, key) == []
    await give_up(engine, network, event(key, 1))
    assert await numbers(engine, key) == []
    await network.deliver()
    assert await numbers(engine, key) == []


async def test_a_write_that_was_given_up_can_be_tried_again(
    engine: MongoPersistenceEngine, network: LateNetwork, key: str
) -> None:
    mine = event(key, 1)
    await give_up(engine, network, mine)
    await engine.persist(mine)
    await network.deliver()
    await engine.persist(mine)
    assert await numbers(engine, key) == [1]


async def test_events_before_a_fence_can_be_deleted(
    engine: MongoPersistenceEngine, network: LateNetwork, key: str
) -> None:
    for number in (1, 2):
        await engine.persist(event(key, number))
    await give_up(engine, network, event(key, 3))
    await engine.delete_events(key, up_to=3)
    await network.deliver()
    assert [(each.sequence_number, each.is_deleted) async for each in engine.events(key)] == [(2, True)]
    await engine.persist(event(key, 3))
    assert await numbers(engine, key) == [2, 3]
    assert await numbers(engine, key, after=2) == [3]


async def test_a_cancelled_write_is_settled_before_it_is_read(
    engine: MongoPersistenceEngine, network: LateNetwork, key: str
) -> None:
    mine = event(key, 1)
    network.hold(mine.event_id.encode())
    writing = asyncio.ensure_future(engine.persist(mine))
    await network.held.wait()
    writing.cancel()
    before = await numbers(engine, key)
    network.hold()
    await network.deliver()
    assert await numbers(engine, key) == before == []


def state(key: str, number: int, data: str) -> PersistedSnapshot:
    return PersistedSnapshot(key=key, sequence_number=number, data=data)


@pytest.mark.parametrize("stored", [True, False])
async def test_a_late_snapshot_does_not_undo_a_newer_one(
    engine: MongoPersistenceEngine, network: LateNetwork, key: str, stored: bool
) -> None:
    if stored:
        await engine.take_snapshot(state(key, 5, "first"))
    network.hold(b"the late one")
    with pytest.raises(OutcomeUnknownError):
        await engine.take_snapshot(state(key, 5, "the late one"))
    network.hold()
    newer = state(key, 5, "newer")
    await engine.take_snapshot(newer)
    await network.deliver()
    assert await engine.latest_snapshot(key) == newer


async def test_a_snapshot_replaces_one_of_a_clock_that_is_ahead(
    engine: MongoPersistenceEngine, shell: Shell, key: str
) -> None:
    for stored in (2**62, 2**63 - 1, "of another kind", None):
        await engine.take_snapshot(state(key, 5, "theirs"))
        shell["snapshot_store"].update_one({"key": key}, {"$set": {"revision": stored}})
        mine = state(key, 5, f"after {stored}")
        await engine.take_snapshot(mine)
        assert await engine.latest_snapshot(key) == mine


async def test_a_snapshot_without_a_revision_is_replaced(
    engine: MongoPersistenceEngine, shell: Shell, key: str
) -> None:
    shell["snapshot_store"].insert_one({"key": key, "sequence_number": 5, "created_at": 1, "data": "theirs"})
    mine = state(key, 5, "mine")
    await engine.take_snapshot(mine)
    assert await engine.latest_snapshot(key) == mine
    assert shell["snapshot_store"].count_documents({"key": key}) == 1
