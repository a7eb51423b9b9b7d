"""The outcome of each event of a batch in which something goes wrong."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from nact.errors import EngineUnavailableError, OutcomeUnknownError, SequenceConflictError
from nact.persistence import PersistedEvent
from nact_persistence_postgres import PostgresPersistenceEngine

pytestmark = pytest.mark.anyio


def event(key: str, number: int, *tags: str) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=None, tags=tags)


async def fail(engine: PostgresPersistenceEngine, question: str) -> None:
    """Has the question that follows a partial success fail."""
    session = await engine._life.opened()
    session.tables.sql.__dict__["states"] = question


@pytest.mark.parametrize(
    "question",
    [
        "SELECT $1::text[], $2::text, no_such_column",
        "SELECT 1 / (length($2::text) * 0), $1::text[]",
    ],
    ids=["fails", "is refused as values are"],
)
async def test_what_a_failed_question_leaves_open_is_unknown(
    engine: PostgresPersistenceEngine, other: PostgresPersistenceEngine, key: str, question: str
) -> None:
    await engine.persist(event(f"{key}-opens", 1))
    await other.persist(event(f"{key}-taken", 1))
    await fail(engine, question)
    writes = [engine.persist(event(f"{key}-{name}", 1)) for name in ("taken", "free")]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [each.sequence_number async for each in other.events(f"{key}-free")] == [1]
    for outcome in outcomes:
        assert isinstance(outcome, EngineUnavailableError)
        assert isinstance(outcome, OutcomeUnknownError)


@pytest.mark.parametrize("emptied", ["TRUNCATE {}", "DELETE FROM {}"])
async def test_no_event_is_stored_behind_a_gap(
    engine: PostgresPersistenceEngine,
    database: asyncpg.Connection[asyncpg.Record],
    schema: str,
    key: str,
    emptied: str,
) -> None:
    keys = [f"{key}-{place}" for place in range(6)]
    for number in (1, 2):
        await asyncio.gather(*[engine.persist(event(each, number)) for each in keys])
    await engine.persist(event(keys[0], 3))
    await engine.persist(event(keys[0], 4))
    table = '"' + schema.replace('"', '""') + '".event_journal'
    await database.execute(emptied.format(table))
    with pytest.raises(SequenceConflictError):
        await engine.persist(event(keys[0], 5))
    writes = [engine.persist(event(each, 3)) for each in keys[1:3]]
    tagged = [engine.persist(event(each, 3, "tag")) for each in keys[3:]]
    for several in (writes, tagged):
        outcomes = await asyncio.gather(*several, return_exceptions=True)
        assert all(isinstance(outcome, SequenceConflictError) for outcome in outcomes)
    assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0
