"""Journals that begin with a tombstone, as copies of shortened journals do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from bson import ObjectId
from mongo_servers.events import event, numbers
from mongo_servers.late import late_network
from pymongo.database import Database

from nact.errors import InvalidEventError, OutcomeUnknownError, SequenceConflictError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.records import MAX_SEQUENCE_NUMBER
from nact_conformance.containers import MongoStorage
from nact_persistence_mongo import MongoPersistenceEngine

pytestmark = pytest.mark.anyio

Shell = Database[dict[str, Any]]


@pytest.fixture
async def other(server: MongoStorage) -> AsyncIterator[MongoPersistenceEngine]:
    """An engine that remembers nothing of the first one."""
    async with MongoPersistenceEngine(server.bare_url) as other:
        yield other


def dead(key: str, number: int) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=None, is_deleted=True, created_at=number)


async def stored(engine: MongoPersistenceEngine, key: str, after: int = 0) -> list[PersistedEvent]:
    return [each async for each in engine.events(key, after=after)]


@pytest.mark.parametrize("number", [1, 2, 5, 3000, 10**12, MAX_SEQUENCE_NUMBER])
async def test_a_journal_may_begin_with_a_tombstone(
    engine: MongoPersistenceEngine, other: MongoPersistenceEngine, key: str, number: int
) -> None:
    first = dead(key, number)
    await engine.persist(first)
    await engine.persist(first)
    await other.persist_all([first])
    for each in (engine, other):
        assert await stored(each, key) == await stored(each, key, number - 1) == [first]
        assert await stored(each, key, number) == []
        assert await each.highest_sequence_number(key) == number
        assert [found async for found in each.keys(prefix=key)] == [key]
        assert [found async for found in each.events(key, tags=["any"])] == []


@pytest.mark.parametrize("number", [1, 5, 3000])
async def test_the_next_event_follows_the_tombstone(
    engine: MongoPersistenceEngine, other: MongoPersistenceEngine, key: str, number: int
) -> None:
    await engine.persist(dead(key, number))
    for wrong in {1, number, number + 2}:
        for each in (engine, other):
            with pytest.raises(SequenceConflictError) as caught:
                await each.persist(event(key, wrong))
            assert (caught.value.attempted, caught.value.highest) == (wrong, number)
    await other.persist(event(key, number + 1))
    await engine.persist_all([event(key, number + 2), event(key, number + 3)])
    for after in (0, number - 1, number, number + 2):
        start = max(after + 1, number)
        assert await numbers(other, key, after) == [*range(start, number + 4)]


async def test_a_tombstone_begins_a_journal_and_follows_nothing(
    engine: MongoPersistenceEngine, other: MongoPersistenceEngine, key: str
) -> None:
    await engine.persist_all([event(key, number) for number in (1, 2, 3)])
    await engine.persist(event(key, 4))
    await engine.persist(dead(f"{key}-dead", 3))
    for each in (engine, other):
        for number in (1, 2, 3, 4, 5, 6, 100):
            for taken in (key, f"{key}-dead"):
                with pytest.raises(SequenceConflictError) as caught:
                    await each.persist(dead(taken, number))
                assert caught.value.attempted == number
    assert await numbers(other, key) == [1, 2, 3, 4]
    assert await numbers(other, f"{key}-dead") == [3]


async def test_a_tombstone_is_no_part_of_a_batch(engine: MongoPersistenceEngine, key: str) -> None:
    for batch in ([dead(key, 3), event(key, 4)], [event(key, 1), dead(key, 2)]):
        with pytest.raises(InvalidEventError, match="tombstone"):
            await engine.persist_all(batch)
    for wrong in ({"data": 1}, {"tags": ("a",)}, {"metadata": {"by": "ann"}}):
        fields: dict[str, Any] = {"data": None, **wrong}
        with pytest.raises(InvalidEventError, match="tombstone"):
            await engine.persist(PersistedEvent(key=key, sequence_number=3, is_deleted=True, **fields))
    assert await engine.highest_sequence_number(key) == 0


@pytest.mark.parametrize("rival", ["event", "batch", "tombstone"])
async def test_of_a_tombstone_and_a_rival_one_begins_the_journal(
    engine: MongoPersistenceEngine, other: MongoPersistenceEngine, key: str, rival: str
) -> None:
    for n in range(20):
        mine = f"{key}-{n}"
        rivals = {
            "event": other.persist(event(mine, 1)),
            "batch": other.persist_all([event(mine, number) for number in range(1, 8)]),
            "tombstone": other.persist(dead(mine, 7)),
        }
        chosen = rivals.pop(rival)
        for left in rivals.values():
            left.close()
        outcomes = await asyncio.gather(engine.persist(dead(mine, 5)), chosen, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "SequenceConflictError"]
        expected = {"event": [1], "batch": [*range(1, 8)], "tombstone": [7]}[rival]
        assert await numbers(other, mine) == ([5] if outcomes[0] is None else expected)


async def test_writes_that_wait_together_follow_the_tombstone(engine: MongoPersistenceEngine, key: str) -> None:
    mine = dead(key, 5)
    writes = [mine, event(key, 1), event(key, 6), mine, event(key, 7), dead(key, 8), dead(key, 5)]
    outcomes = await asyncio.gather(*(engine.persist(each) for each in writes), return_exceptions=True)
    lost = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, SequenceConflictError)]
    assert (lost, await numbers(engine, key)) == ([1, 5, 6], [5, 6, 7])


@pytest.mark.parametrize("up_to", [1, 4, 5, 6, 7, 8, 9])
async def test_deletion_below_and_above_the_tombstone(
    engine: MongoPersistenceEngine, other: MongoPersistenceEngine, key: str, up_to: int
) -> None:
    first = dead(key, 5)
    await engine.persist(first)
    await engine.persist_all([event(key, 6), event(key, 7)])
    await engine.persist(event(key, 8))
    for each in (engine, other):
        await each.delete_events(key, up_to=up_to)
        last = min(max(up_to, 5), 8)
        found = [(each.sequence_number, each.is_deleted) async for each in other.events(key)]
        assert found == [(last, True), *((number, False) for number in range(last + 1, 9))]
        assert await other.highest_sequence_number(key) == 8
        assert [found async for found in other.keys(prefix=key)] == [key]
    if up_to <= 5:
        assert (await stored(engine, key))[0] == first
        await other.persist(first)
    else:
        with pytest.raises(SequenceConflictError):
            await other.persist(first)
    await other.persist(event(key, 9))


async def test_a_snapshot_of_the_tombstone_still_counts(engine: MongoPersistenceEngine, key: str) -> None:
    first = dead(key, 5)
    await engine.persist(first)
    taken = PersistedSnapshot(key=key, sequence_number=5, data={"n": 5}, event_id=first.event_id)
    await engine.take_snapshot(taken)
    assert await engine.latest_snapshot(key) == taken
    found = [each.event_id async for each in engine.events(key, after=4, limit=1)]
    assert found == [taken.event_id]


async def test_a_tombstone_replaces_a_fence(
    engine: MongoPersistenceEngine, other: MongoPersistenceEngine, shell: Shell, key: str
) -> None:
    shell["event_journal"].insert_one({"key": key, "sequence_number": 1, "is_husk": True, "fence": ObjectId()})
    await engine.persist(dead(key, 5))
    assert await numbers(other, key) == [5]
    assert shell["event_journal"].count_documents({"key": key}) == 1


async def test_a_tombstone_that_a_read_denied_is_not_stored_later(server: MongoStorage, key: str) -> None:
    async with late_network(server) as (network, url), MongoPersistenceEngine(url, retry_for=3) as engine:
        mine = dead(key, 5)
        network.hold(mine.event_id.encode())
        with pytest.raises(OutcomeUnknownError):
            await engine.persist(mine)
        network.hold()
        assert await numbers(engine, key) == []
        await network.deliver()
        assert await numbers(engine, key) == []
        await engine.persist(mine)
        assert await numbers(engine, key) == [5]
