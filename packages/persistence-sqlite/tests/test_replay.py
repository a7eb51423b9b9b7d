"""Reading in pages: nothing missing, nothing held, nothing altered."""

# ruff: noqa: ASYNC240 - a test may block

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_sessions import session_of

from nact.errors import CorruptJournalError, EngineUnavailableError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_persistence_sqlite import SqlitePersistenceEngine
from nact_persistence_sqlite._reader import Page
from nact_persistence_sqlite._replay import pages

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]


@pytest.fixture
async def stored(engine: SqlitePersistenceEngine, key: str, numbered: Numbered) -> list[PersistedEvent]:
    events = numbered(key, 1, 10)
    await engine.persist_all(events)
    return events


async def replay(engine: SqlitePersistenceEngine, key: str) -> list[PersistedEvent]:
    return [event async for event in engine.events(key)]


@pytest.mark.parametrize("size", [1, 3, 5, 10, 11])
async def test_pages_of_any_size_give_the_same_events(
    path: Path, key: str, size: int, stored: list[PersistedEvent]
) -> None:
    async with SqlitePersistenceEngine(path, page_size=size) as engine:
        assert await replay(engine, key) == stored
        assert [event async for event in engine.events(key, after=2, limit=6)] == stored[2:8]


async def test_a_page_ends_when_it_is_large(engine: SqlitePersistenceEngine, key: str) -> None:
    await engine.persist_all([PersistedEvent(key=key, sequence_number=n, data="x" * 300_000) for n in range(1, 11)])
    page = await session_of(engine)._reader_thread.call(session_of(engine).reader.page, key, 0, 1000)
    assert (len(page.rows), page.is_last) == (4, False)
    assert len(await replay(engine, key)) == 10


async def test_the_next_page_is_fetched_while_this_one_is_consumed() -> None:
    asked: list[int] = []

    async def fetch(after: int) -> Page:
        asked.append(after)
        return Page(after, [(after + 1, b"null", b"[]", 0, 0, b"id", None)], is_last=after == 5)

    stream = pages(0, None, fetch)
    await anext(stream)
    await asyncio.sleep(0)
    assert asked == [0, 1]
    await stream.aclose()
    assert asked == [0, 1]


async def test_a_replay_that_is_given_up_fetches_no_further() -> None:
    asked: list[asyncio.Task[object] | None] = []

    async def fetch(after: int) -> Page:
        asked.append(asyncio.current_task())
        if after:
            await asyncio.Event().wait()
        return Page(after, [(after + 1, b"null", b"[]", 0, 0, b"id", None)], is_last=False)

    stream = pages(0, None, fetch)
    await anext(stream)
    await asyncio.sleep(0)
    await stream.aclose()
    ahead = asked[1]
    assert ahead is not None
    await asyncio.wait([ahead])
    assert ahead.cancelled()


@pytest.mark.parametrize(("page_size", "length"), [(2, 1), (1000, 600_000)])
async def test_nothing_is_held_between_items(
    path: Path, key: str, page_size: int, length: int, shell: sqlite3.Connection
) -> None:
    """What isn't in a checkpoint yet: an automatic one comes at 4 MB, and hides who reads."""
    async with SqlitePersistenceEngine(path, page_size=page_size) as engine:
        await engine.persist_all([PersistedEvent(key=key, sequence_number=n, data="x" * length) for n in range(1, 6)])
        events = engine.events(key)
        await anext(events)
        await engine.highest_sequence_number(key)  # on the same thread: the page fetched ahead is there
        shell.execute("PRAGMA busy_timeout = 0")
        (busy, *_) = shell.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # waits for readers and writers
        assert busy == 0
        assert len([event async for event in events]) == 4


async def test_events_that_are_deleted_during_the_replay_are_passed_over(
    path: Path, key: str, stored: list[PersistedEvent]
) -> None:
    async with SqlitePersistenceEngine(path, page_size=2) as engine:
        events = engine.events(key)
        seen = [(await anext(events)).sequence_number]
        await engine.delete_events(key, up_to=8)
        seen += [event.sequence_number async for event in events]
    assert seen[:2] == [1, 2]
    assert seen[-3:] == [8, 9, 10]


@pytest.mark.parametrize("number", [1, 5, 9])
async def test_a_gap_is_told(
    engine: SqlitePersistenceEngine, key: str, number: int, stored: list[PersistedEvent], shell: sqlite3.Connection
) -> None:
    shell.execute("DELETE FROM event_journal WHERE sequence_nr = ?", (number,))
    with pytest.raises(CorruptJournalError) as raised:
        await replay(engine, key)
    assert (raised.value.key, raised.value.sequence_number) == (key, number)


async def test_a_gap_after_the_beginning_of_the_window_is_told(
    engine: SqlitePersistenceEngine, key: str, stored: list[PersistedEvent], shell: sqlite3.Connection
) -> None:
    shell.execute("DELETE FROM event_journal WHERE sequence_nr = 5")
    with pytest.raises(CorruptJournalError):
        [event async for event in engine.events(key, after=4)]
    assert len([event async for event in engine.events(key, after=5)]) == 5


@pytest.mark.parametrize(
    "change",
    [
        "data = '{'",
        "data = NULL",
        "data = '1e999'",
        "data = CAST(x'22ff22' AS TEXT)",
        "tags = 'a'",
        "tags = '[1]'",
        "tags = '{}'",
        "tags = '[\"\"]'",
        "created_at = 'yesterday'",
        "is_deleted = 2",
        "event_id = CAST(x'ff' AS TEXT)",
    ],
)
async def test_a_row_that_cannot_be_read_is_told(
    engine: SqlitePersistenceEngine, key: str, change: str, stored: list[PersistedEvent], shell: sqlite3.Connection
) -> None:
    shell.execute(f"UPDATE event_journal SET {change} WHERE sequence_nr = 4")
    events = engine.events(key)
    assert [await anext(events) for _ in range(3)] == stored[:3]
    with pytest.raises(CorruptJournalError) as raised:
        await anext(events)
    assert (raised.value.key, raised.value.sequence_number) == (key, 4)


async def test_a_snapshot_that_cannot_be_read_is_told_and_the_older_one_is_there(
    engine: SqlitePersistenceEngine, key: str, shell: sqlite3.Connection
) -> None:
    for number in (1, 2):
        await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=number, data=number))
    shell.execute("UPDATE snapshot_store SET data = '{' WHERE sequence_nr = 2")
    with pytest.raises(CorruptJournalError) as raised:
        await engine.latest_snapshot(key)
    assert (raised.value.key, raised.value.sequence_number) == (key, 2)
    older = await engine.latest_snapshot(key, up_to=1)
    assert older is not None
    assert older.data == 1


async def test_a_replay_that_loses_its_file_raises(
    path: Path, key: str, stored: list[PersistedEvent], engine: SqlitePersistenceEngine
) -> None:
    async with SqlitePersistenceEngine(path, page_size=2) as reader:
        events = reader.events(key)
        await anext(events)
        await reader.highest_sequence_number(key)
        path.rename(path.with_suffix(".away"))
        with pytest.raises(EngineUnavailableError):
            [event async for event in events]
        path.with_suffix(".away").rename(path)


async def test_slow_consumers_do_not_delay_each_other(
    path: Path, numbered: Numbered, engine: SqlitePersistenceEngine
) -> None:
    for name in ("slow", "fast"):
        await engine.persist_all(numbered(name, 1, 10))
    async with SqlitePersistenceEngine(path, page_size=2) as reader:
        slow = reader.events("slow")
        await anext(slow)
        assert len(await replay(reader, "fast")) == 10
        await reader.persist(numbered("slow", 11, 11)[0])
        assert len([event async for event in slow]) == 10
