"""No thread to be had, an old SQLite, bounds beyond 64 bits, closing at any moment."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nact.errors import EngineClosedError, EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_persistence_sqlite import SqlitePersistenceEngine, _sql

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]
BEYOND = (2**63 - 1, 2**63, 2**64, 10**30)


async def numbers(engine: SqlitePersistenceEngine, key: str, after: int = 0, limit: int | None = None) -> list[int]:
    return [event.sequence_number async for event in engine.events(key, after=after, limit=limit)]


def threads_for(path: Path) -> list[str]:
    return [thread.name for thread in threading.enumerate() if str(path) in thread.name]


@contextmanager
def no_thread_to_be_had() -> Iterator[None]:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        yield


async def test_a_write_without_a_thread_is_told_and_tried_again(
    engine: SqlitePersistenceEngine, key: str, numbered: Numbered
) -> None:
    (event,) = numbered(key, 1, 1)
    with no_thread_to_be_had():
        for _ in range(2):
            with pytest.raises(EngineUnavailableError, match="thread") as raised:
                await engine.persist(event)
            assert not isinstance(raised.value, OutcomeUnknownError)
    await engine.persist(event)
    with no_thread_to_be_had(), pytest.raises(EngineUnavailableError, match="reader"):
        await engine.highest_sequence_number(key)
    assert await numbers(engine, key) == [1]


async def test_every_use_without_a_thread_is_told(
    engine: SqlitePersistenceEngine, key: str, numbered: Numbered
) -> None:
    with no_thread_to_be_had():
        for use in (
            engine.__aenter__(),
            anext(engine.events(key)),
            engine.persist_all(numbered(key, 1, 2)),
            engine.delete_events(key, up_to=1),
            engine.highest_sequence_number(key),
            anext(engine.keys()),
            engine.latest_snapshot(key),
            engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=None)),
            engine.delete_snapshots(key, up_to=1),
        ):
            with pytest.raises(EngineUnavailableError, match="thread"):
                await use
    assert await engine.highest_sequence_number(key) == 0


async def test_an_engine_that_never_got_a_thread_closes(path: Path, key: str, numbered: Numbered) -> None:
    engine = SqlitePersistenceEngine(path)
    with no_thread_to_be_had():
        write = asyncio.create_task(engine.persist(numbered(key, 1, 1)[0]))
        await asyncio.sleep(0)
        write.cancel()
        with pytest.raises(asyncio.CancelledError):
            await write
        await engine.aclose()
    assert threads_for(path) == []


async def test_a_failed_write_without_a_reader_thread_is_settled(
    engine: SqlitePersistenceEngine, path: Path, key: str, numbered: Numbered, shell: sqlite3.Connection
) -> None:
    await engine.persist(numbered(key, 1, 1)[0])
    shell.execute("ALTER TABLE event_journal RENAME TO other")
    with no_thread_to_be_had(), pytest.raises(EngineUnavailableError):
        await engine.persist(numbered(key, 2, 2)[0])
    shell.execute("ALTER TABLE other RENAME TO event_journal")
    await engine.persist(numbered(key, 2, 2)[0])
    assert await engine.highest_sequence_number(key) == 2


@pytest.fixture
def few_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """As before SQLite 3.32."""
    connect = sqlite3.connect

    def limited(path: str, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(path, **options)  # type: ignore[call-overload]
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
        return connection

    monkeypatch.setattr(sqlite3, "connect", limited)


@pytest.mark.parametrize("count", [128, 129, 142, 143, 500, 1500])
async def test_an_old_sqlite_stores_many_events_at_once(
    few_parameters: None, engine: SqlitePersistenceEngine, numbered: Numbered, count: int
) -> None:
    await engine.persist_all(numbered("batch", 1, count))
    await asyncio.gather(*[engine.persist(numbered(f"k{n}", 1, 1)[0]) for n in range(count)])
    assert await numbers(engine, "batch") == list(range(1, count + 1))
    assert len([name async for name in engine.keys(prefix="k")]) == count


async def test_a_sqlite_that_is_too_old_is_refused(
    engine: SqlitePersistenceEngine, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sql, "OLDEST", (99, 0, 0))
    with pytest.raises(EngineUnavailableError, match=r"SQLite 3.*99\.0\.0 or later"):
        await engine.highest_sequence_number(key)


@pytest.mark.parametrize("beyond", BEYOND)
async def test_bounds_beyond_64_bits_are_answered(path: Path, key: str, numbered: Numbered, beyond: int) -> None:
    async with SqlitePersistenceEngine(path, page_size=beyond) as engine:
        await engine.persist_all(numbered(key, 1, 3))
        await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=3, data=None))
        assert await numbers(engine, key, after=beyond) == []
        assert await numbers(engine, key, limit=beyond) == [1, 2, 3]
        assert await engine.latest_snapshot(key, up_to=beyond) is not None
        await engine.delete_snapshots(key, up_to=beyond)
        assert await engine.latest_snapshot(key, up_to=beyond) is None
        await engine.delete_events(key, up_to=beyond)
        assert await numbers(engine, key) == [3]


@pytest.mark.parametrize("bound", [True, 1.0, "1"])
async def test_bounds_that_are_no_int_are_refused(engine: SqlitePersistenceEngine, key: str, bound: int) -> None:
    for use in (
        numbers(engine, key, after=bound),
        numbers(engine, key, limit=bound),
        engine.latest_snapshot(key, up_to=bound),
        engine.delete_snapshots(key, up_to=bound),
        engine.delete_events(key, up_to=bound),
    ):
        with pytest.raises(TypeError):
            await use


@pytest.mark.parametrize("steps", range(12))
async def test_closing_while_it_opens_leaves_no_thread(path: Path, key: str, numbered: Numbered, steps: int) -> None:
    engine = SqlitePersistenceEngine(path)
    uses = [
        asyncio.ensure_future(use)
        for use in (engine.__aenter__(), engine.highest_sequence_number(key), engine.persist(numbered(key, 1, 1)[0]))
    ]
    for _ in range(steps):
        await asyncio.sleep(0)
    await engine.aclose()
    for outcome in await asyncio.gather(*uses, return_exceptions=True):
        assert not isinstance(outcome, BaseException) or isinstance(outcome, EngineClosedError)
    assert threads_for(path) == []


async def test_openings_that_fail_together_are_told_the_same(tmp_path: Path) -> None:
    engine = SqlitePersistenceEngine(tmp_path / "missing" / "journal.db")
    outcomes = await asyncio.gather(*[engine.__aenter__() for _ in range(3)], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [EngineUnavailableError] * 3
    assert threads_for(tmp_path) == []


async def test_a_read_in_doubt_is_told_that_the_engine_was_closed(
    path: Path, key: str, numbered: Numbered, shell: sqlite3.Connection
) -> None:
    engine = SqlitePersistenceEngine(path, timeout=30)
    await engine.persist(numbered(key, 1, 1)[0])
    shell.execute("BEGIN IMMEDIATE")
    write = asyncio.create_task(engine.persist(numbered(key, 2, 2)[0]))
    for _ in range(5):
        await asyncio.sleep(0)
    write.cancel()
    await asyncio.wait([write])
    read = asyncio.create_task(engine.highest_sequence_number(key))
    await asyncio.sleep(0)
    closing = asyncio.create_task(engine.aclose())
    await asyncio.sleep(0)
    shell.execute("ROLLBACK")
    await closing
    with pytest.raises(EngineClosedError):
        await read
    assert threads_for(path) == []


async def test_a_cancelled_snapshot_never_undoes_a_newer_one(
    engine: SqlitePersistenceEngine, key: str, shell: sqlite3.Connection
) -> None:
    await engine.highest_sequence_number(key)
    old, new = (PersistedSnapshot(key=key, sequence_number=1, data=data) for data in ("old", "new"))
    shell.execute("BEGIN IMMEDIATE")
    first = asyncio.create_task(engine.take_snapshot(old))
    for _ in range(5):
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    second = asyncio.create_task(engine.take_snapshot(new))
    await asyncio.sleep(0)
    shell.execute("ROLLBACK")
    await second
    assert await engine.latest_snapshot(key) == new
