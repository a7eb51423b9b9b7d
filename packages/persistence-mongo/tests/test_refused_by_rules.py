"""Documents that rules of the server refuse: each fails at once, alone, and with the server's words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from bson import ObjectId
from mongo_servers.events import event, numbers
from pymongo.database import Database

from nact.errors import EngineUnavailableError, InvalidEventError, OutcomeUnknownError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import MongoStorage
from nact_persistence_mongo import MongoPersistenceEngine
from nact_persistence_mongo._writing.appends import Append
from nact_persistence_mongo._writing.commits import _decide

pytestmark = pytest.mark.anyio

Shell = Database[dict[str, Any]]
EMAILS = "events_with_emails"
STATES = "states_with_emails"


@pytest.fixture
async def strict(server: MongoStorage, shell: Shell) -> AsyncIterator[MongoPersistenceEngine]:
    """An engine whose collections have a unique index of the application's, made before the journal's."""
    for name in (EMAILS, STATES):
        shell.drop_collection(name)
        has_one = {"data.email": {"$exists": True}}
        shell[name].create_index([("data.email", 1)], unique=True, partialFilterExpression=has_one)
    options = {"event_collection": EMAILS, "snapshot_collection": STATES}
    async with MongoPersistenceEngine(server.bare_url, **options) as engine:  # type: ignore[arg-type]
        yield engine


def registered(key: str, number: int, email: str) -> PersistedEvent:
    return event(key, number, {"email": email})


async def test_a_unique_index_of_ones_own_refuses_one_event(strict: MongoPersistenceEngine, key: str) -> None:
    await strict.persist(registered(key, 1, key))
    writes = [registered(f"{key}b", 1, key), event(f"{key}c", 1), event(key, 2)]
    outcomes = await asyncio.gather(*(strict.persist(each) for each in writes), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [InvalidEventError, type(None), type(None)]
    assert "email" in str(outcomes[0])
    assert await numbers(strict, key) == [1, 2]


async def test_a_repeated_event_is_not_refused_by_its_own_entry(strict: MongoPersistenceEngine, key: str) -> None:
    mine = registered(key, 1, key)
    for _ in range(3):
        await strict.persist(mine)
    assert await numbers(strict, key) == [1]


async def test_a_fence_is_not_replaced_by_what_is_refused(
    strict: MongoPersistenceEngine, shell: Shell, key: str
) -> None:
    await strict.persist(registered(f"{key}a", 1, key))
    shell[EMAILS].insert_one({"key": key, "sequence_number": 1, "is_husk": True, "fence": ObjectId()})
    assert await strict.highest_sequence_number(key) == 0  # it learns of the fence
    writes = [registered(key, 1, key), event(f"{key}b", 1)]
    outcomes = await asyncio.gather(*(strict.persist(each) for each in writes), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [InvalidEventError, type(None)]
    await strict.persist(event(key, 1))
    assert await numbers(strict, key) == [1]


async def test_a_snapshot_that_is_refused_says_so_at_once(
    strict: MongoPersistenceEngine, shell: Shell, key: str
) -> None:
    await strict.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data={"email": key}))
    for number in (1, 2):
        data = {"email": key}
        with pytest.raises(InvalidEventError, match="email"):
            await strict.take_snapshot(PersistedSnapshot(key=f"{key}b", sequence_number=number, data=data))
    shell.command("collMod", STATES, validator={"data": {"$ne": "forbidden"}})
    with pytest.raises(InvalidEventError, match="validation"):
        await strict.take_snapshot(PersistedSnapshot(key=key, sequence_number=3, data="forbidden"))
    assert await strict.latest_snapshot(f"{key}b") is None


async def test_a_refusal_after_a_lost_answer_is_not_known() -> None:
    item = Append("a", 1, 1, [b""], ["mine"], 1)
    item.refusal = "E11000"
    _decide([item], 0, {}, in_doubt=True)
    assert isinstance(item.outcome, EngineUnavailableError)
    assert isinstance(item.outcome, OutcomeUnknownError)


async def test_a_refused_event_that_is_stored_is_found() -> None:
    item = Append("a", 1, 1, [b""], ["mine"], 1)
    item.refusal = "E11000"
    assert _decide([item], 1, {1: "mine"}, in_doubt=False) == [item]
