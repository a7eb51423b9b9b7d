"""Opening, closing, event loops, processes, cancellation."""

# ruff: noqa: ASYNC240, SIM118 - a test may block, an engine is no dict

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_sessions import session_of

from nact.errors import EngineClosedError, EngineUnavailableError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_persistence_sqlite import SqlitePersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]


async def journal(engine: SqlitePersistenceEngine, key: str) -> list[PersistedEvent]:
    return [event async for event in engine.events(key)]


def test_a_constructor_does_no_io(path: Path) -> None:
    SqlitePersistenceEngine(path.parent / "missing" / "journal.db")
    SqlitePersistenceEngine(path)
    assert not path.exists()


async def test_closing_waits_for_writes_in_flight(path: Path, numbered: Numbered) -> None:
    engine = SqlitePersistenceEngine(path)
    await engine.highest_sequence_number("k")
    writes = [asyncio.ensure_future(engine.persist(numbered(f"k{n}", 1, 1)[0])) for n in range(1100)]  # some batches
    await asyncio.sleep(0)
    await asyncio.gather(engine.aclose(), engine.aclose())
    assert all(write.done() for write in writes)
    await asyncio.gather(*writes)
    async with SqlitePersistenceEngine(path) as other:
        assert len([name async for name in other.keys()]) == 1100


async def test_closing_ends_the_threads_and_leaves_one_file(engine: SqlitePersistenceEngine, path: Path) -> None:
    await engine.highest_sequence_number("k")
    assert any(str(path) in thread.name for thread in threading.enumerate())
    await engine.aclose()
    assert not any(str(path) in thread.name for thread in threading.enumerate())
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_closing_goes_on_when_it_is_cancelled(path: Path, numbered: Numbered) -> None:
    engine = SqlitePersistenceEngine(path)
    await engine.persist(numbered("k", 1, 1)[0])
    closing = asyncio.create_task(engine.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert engine._life._closing is not None
    await engine._life._closing
    assert not any(str(path) in thread.name for thread in threading.enumerate())


async def test_an_opening_that_fails_leaves_nothing_behind_and_can_be_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "journal.db"
    engine = SqlitePersistenceEngine(path)
    with pytest.raises(EngineUnavailableError):
        await engine.__aenter__()
    assert not any(str(path) in thread.name for thread in threading.enumerate())
    path.parent.mkdir()
    async with engine:
        assert await engine.highest_sequence_number("k") == 0


async def test_a_closed_engine_refuses_every_use(engine: SqlitePersistenceEngine, key: str, numbered: Numbered) -> None:
    await engine.persist_all(numbered(key, 1, 3))
    replay = engine.events(key)
    await anext(replay)
    await engine.aclose()
    await engine.aclose()
    snapshot = PersistedSnapshot(key=key, sequence_number=1, data=None)
    for use in (
        anext(replay),
        anext(engine.events(key)),
        engine.persist(numbered(key, 4, 4)[0]),
        engine.persist_all(numbered(key, 4, 5)),
        engine.delete_events(key, up_to=1),
        engine.highest_sequence_number(key),
        anext(engine.keys()),
        engine.latest_snapshot(key),
        engine.take_snapshot(snapshot),
        engine.delete_snapshots(key, up_to=1),
        engine.__aenter__(),
    ):
        with pytest.raises(EngineClosedError):
            await use


async def test_an_engine_that_is_left_open_warns(path: Path, numbered: Numbered) -> None:
    left = [SqlitePersistenceEngine(path)]
    await left[0].persist(numbered("k", 1, 1)[0])
    thread, writer = session_of(left[0])._writer_thread, session_of(left[0])._writer
    with pytest.warns(ResourceWarning, match="was not closed"):
        left.clear()
    await thread.aclose(writer.close)


def test_several_event_loops_can_use_it_one_after_the_other(path: Path, numbered: Numbered) -> None:
    engine = SqlitePersistenceEngine(path)
    for event in numbered("k", 1, 3):
        asyncio.run(engine.persist(event))
    assert asyncio.run(engine.highest_sequence_number("k")) == 3
    assert len([thread for thread in threading.enumerate() if str(path) in thread.name]) == 2
    asyncio.run(engine.aclose())
    assert not any(str(path) in thread.name for thread in threading.enumerate())


def test_a_commit_in_doubt_is_settled_in_the_next_event_loop(path: Path, numbered: Numbered) -> None:
    engine = SqlitePersistenceEngine(path)
    asyncio.run(engine.persist(numbered("k", 1, 1)[0]))
    engine._file.is_in_doubt = True
    assert asyncio.run(engine.highest_sequence_number("k")) == 1
    assert not engine._file.is_in_doubt
    asyncio.run(engine.aclose())


def test_a_loop_that_ends_in_the_middle_of_a_write_leaves_it_usable(path: Path, numbered: Numbered) -> None:
    engine = SqlitePersistenceEngine(path)
    (event,) = numbered("k", 1, 1)
    loop = asyncio.new_event_loop()
    write = loop.create_task(engine.persist(event))
    loop.call_soon(loop.call_soon, loop.call_soon, loop.stop)
    loop.run_forever()
    write.cancel()
    loop.run_until_complete(asyncio.gather(write, return_exceptions=True))
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    asyncio.run(engine.persist(event))
    assert asyncio.run(engine.highest_sequence_number("k")) == 1
    asyncio.run(engine.aclose())


async def test_two_event_loops_at_once_are_told_so(engine: SqlitePersistenceEngine, key: str) -> None:
    await engine.highest_sequence_number(key)
    with pytest.raises(RuntimeError, match="another event loop"):
        await asyncio.to_thread(lambda: asyncio.run(engine.highest_sequence_number(key)))


FORK = """
import asyncio, os, sys, warnings
from nact.errors import EngineClosedError
from nact.persistence import PersistedEvent
from nact_persistence_sqlite import SqlitePersistenceEngine
warnings.simplefilter("ignore", DeprecationWarning)
engine = SqlitePersistenceEngine(sys.argv[1])
asyncio.run(engine.persist(PersistedEvent(key="k", sequence_number=1, data=None)))
if (child := os.fork()) == 0:
    try:
        asyncio.run(engine.persist(PersistedEvent(key="k", sequence_number=2, data=None)))
    except EngineClosedError as error:
        asyncio.run(engine.aclose())
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
asyncio.run(engine.persist(PersistedEvent(key="k", sequence_number=2, data=None)))
asyncio.run(engine.aclose())
print("parent goes on")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no fork")
def test_after_a_fork_the_child_is_told_to_make_its_own(
    start_python: Callable[..., subprocess.Popen[str]], path: Path
) -> None:
    told, _ = start_python(FORK, path).communicate(timeout=60)
    assert "before a fork" in told
    assert "parent goes on" in told


async def test_a_relative_path_is_taken_from_where_the_engine_was_made(
    path: Path, monkeypatch: pytest.MonkeyPatch, numbered: Numbered
) -> None:
    monkeypatch.chdir(path.parent)
    engine = SqlitePersistenceEngine(path.name)
    monkeypatch.chdir("/")
    await engine.persist(numbered("k", 1, 1)[0])
    await engine.aclose()
    assert path.exists()


async def test_a_cancelled_write_is_stored_or_not_and_the_next_one_learns_it(
    engine: SqlitePersistenceEngine, key: str, numbered: Numbered
) -> None:
    await engine.persist(numbered(key, 1, 1)[0])
    for event in numbered(key, 2, 60):
        write = asyncio.create_task(engine.persist(event))
        for _ in range(event.sequence_number % 6):
            await asyncio.sleep(0)
        write.cancel()
        await asyncio.gather(write, return_exceptions=True)
        assert await engine.highest_sequence_number(key) in {event.sequence_number, event.sequence_number - 1}
        await engine.persist(event)
    assert [event.sequence_number for event in await journal(engine, key)] == list(range(1, 61))


async def test_what_a_read_shows_after_a_cancelled_write_stays_true(
    engine: SqlitePersistenceEngine, key: str, shell: sqlite3.Connection, numbered: Numbered
) -> None:
    await engine.persist(numbered(key, 1, 1)[0])
    assert await engine.highest_sequence_number(key) == 1
    shell.execute("BEGIN IMMEDIATE")  # the write is on its way, and waits
    write = asyncio.create_task(engine.persist(numbered(key, 2, 2)[0]))
    for _ in range(10):
        await asyncio.sleep(0)
    write.cancel()
    await asyncio.wait([write])
    reads = [asyncio.create_task(engine.highest_sequence_number(key)) for _ in range(3)]
    for _ in range(10):
        await asyncio.sleep(0)
    reads.pop().cancel()
    assert not any(read.done() for read in reads)
    shell.execute("ROLLBACK")
    assert await asyncio.gather(*reads) == [2, 2]
