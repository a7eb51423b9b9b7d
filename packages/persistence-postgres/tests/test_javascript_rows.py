"""Rows as nact for JavaScript leaves them, in both kinds of tables: opened, or told how they are mended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import pytest

from nact import configure_persistence, dispatch, persistent_query, query, spawn_persistent, start
from nact.errors import CorruptJournalError
from nact.persistence.context import PersistentContext
from nact_persistence_postgres import PostgresPersistenceEngine
from nact_persistence_postgres._statements.sql import qualified

pytestmark = pytest.mark.anyio

if TYPE_CHECKING:
    Database: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Database = asyncpg.Connection

Insert: TypeAlias = Callable[..., Awaitable[None]]
Fill: TypeAlias = Callable[[int, int], Awaitable[object]]


@pytest.fixture(params=["json", "jsonb"])
async def insert(
    request: pytest.FixtureRequest, database: Database, schema: str, engine: PostgresPersistenceEngine
) -> Insert:
    """Stores an event of key `k` as nact for JavaScript does, in a table with this type of data."""
    await engine.highest_sequence_number("k")  # makes the tables
    table = qualified(schema, "event_journal")
    await database.execute(f"ALTER TABLE {table} ALTER COLUMN data TYPE {request.param} USING data::{request.param}")
    await engine.aclose()

    async def insert(number: int, text: str, tags: tuple[str, ...] = ()) -> None:
        await database.execute(
            f"INSERT INTO {table} (persistence_key, sequence_nr, created_at, data, tags) "
            f"VALUES ('k', $1, 1500000000000, $2::text::{request.param}, $3)",
            number,
            text,
            list(tags),
        )

    return insert


@pytest.fixture
def fill(database: Database, schema: str) -> Fill:
    """Puts a row in the place of each missing event of key `k`, as the README says."""
    into = f"{qualified(schema, 'event_journal')} (persistence_key, sequence_nr, created_at, data, is_deleted)"
    rows = "SELECT 'k', n, 0, 'null', true FROM generate_series($1::int, $2::int) AS n"
    return lambda first, last: database.execute(f"INSERT INTO {into} {rows}", first, last)


async def gathering(state: list[Any], msg: object, ctx: PersistentContext[object, object]) -> list[Any]:
    if msg == "tell":
        dispatch(ctx.sender, state)
        return state
    if not ctx.recovering:
        await ctx.persist(msg)
    return [*state, msg]


async def test_large_numbers_and_odd_tags_are_continued(
    insert: Insert, other: PostgresPersistenceEngine, caplog: pytest.LogCaptureFixture
) -> None:
    await insert(1, "10000000000000000000", ("", "a", "a"))
    await insert(2, '{"n": 9223372036854775808}')
    told: list[Any] = []
    for number in (3, 4):
        async with start(configure_persistence(other, close=False)) as system:
            actor = spawn_persistent(system, gathering, key="k", initial_state=[], snapshot_every=1)
            dispatch(actor, number)
            told = await query(actor, "tell", 10)
        assert repr(told[:2]) == repr([1e19, {"n": 9223372036854775808.0}])
    snapshot = await other.latest_snapshot("k")
    assert snapshot is not None
    assert snapshot.data == told[: snapshot.sequence_number]
    assert not caplog.records


@pytest.mark.parametrize(("stored", "missing"), [((1, 3), "it is"), ((3,), "it and all up to 2 are")])
async def test_a_gap_is_mended_as_the_error_says(
    insert: Insert, fill: Fill, other: PostgresPersistenceEngine, stored: tuple[int, ...], missing: str
) -> None:
    for number in stored:
        await insert(number, f"{number}")
    with pytest.raises(CorruptJournalError, match=rf"{missing} missing.*is_deleted true, data 'null'") as error:
        _ = [event async for event in other.events("k")]
    assert error.value.sequence_number is not None
    await fill(error.value.sequence_number, 2)
    async with start(configure_persistence(other, close=False)) as system:
        actor = spawn_persistent(system, gathering, key="k", initial_state=[], skip_deleted=True)
        dispatch(actor, 4)
        assert await query(actor, "tell", 10) == [*stored, 4]
        everything = persistent_query(system, lambda seen, n: [*seen, n], key="k", initial_state=[], skip_deleted=True)
        assert await everything() == [*stored, 4]
    assert await other.highest_sequence_number("k") == 4
