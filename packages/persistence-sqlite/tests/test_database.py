"""The file goes wrong: a clear error, nothing lost, and usable again when the cause is gone."""

# ruff: noqa: ASYNC240, PLR0917 - a test may block, fixtures

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self, cast

import pytest
from sqlite_sessions import session_of

from nact.errors import CorruptJournalError, EngineUnavailableError, NactError, OutcomeUnknownError
from nact.persistence import PersistedEvent
from nact_persistence_sqlite import SqlitePersistenceEngine
from nact_persistence_sqlite._database import Database, File
from nact_persistence_sqlite._sql import Statements

pytestmark = pytest.mark.anyio
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows limits, renames and removes files otherwise")
Numbered = Callable[..., list[PersistedEvent]]


@pytest.fixture
async def engine(path: Path) -> AsyncIterator[SqlitePersistenceEngine]:
    engine = SqlitePersistenceEngine(path, timeout=0.05)
    yield engine
    await engine.aclose()


@pytest.fixture
async def stored(engine: SqlitePersistenceEngine, key: str, numbered: Numbered) -> list[PersistedEvent]:
    events = numbered(key, 1, 3)
    await engine.persist_all(events)
    return events


async def replay(engine: SqlitePersistenceEngine, key: str) -> list[PersistedEvent]:
    return [event async for event in engine.events(key)]


async def refusal(engine: SqlitePersistenceEngine, key: str, event: PersistedEvent, path: Path) -> NactError:
    """The error that a write and (for those that need the file opened anew) a read get; it names the file."""
    with pytest.raises(NactError) as raised:
        await engine.persist(event)
    assert str(path) in str(raised.value)
    return raised.value


async def test_the_writer_syncs_every_commit_to_a_write_ahead_log(engine: SqlitePersistenceEngine) -> None:
    def settings() -> list[object]:
        with session_of(engine)._writer._database as connection:
            names = ("journal_mode", "synchronous", "secure_delete")
            return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    full = 2
    await engine.highest_sequence_number("k")  # opens it
    assert await session_of(engine)._writer_thread.call(settings) == ["wal", full, 1]


async def test_a_missing_folder(tmp_path: Path, numbered: Numbered) -> None:
    path = tmp_path / "missing" / "journal.db"
    (event,) = numbered("k", 1, 1)
    async with SqlitePersistenceEngine(path.parent.parent / "other.db"):
        pass
    engine = SqlitePersistenceEngine(path)
    error = await refusal(engine, "k", event, path)
    assert isinstance(error, EngineUnavailableError)
    assert not isinstance(error, OutcomeUnknownError)
    with pytest.raises(EngineUnavailableError):
        await replay(engine, "k")
    path.parent.mkdir()
    await engine.persist(event)
    assert await replay(engine, "k") == [event]
    await engine.aclose()


async def test_a_file_that_must_exist_is_not_made(path: Path, numbered: Numbered) -> None:
    (event,) = numbered("k", 1, 1)
    engine = SqlitePersistenceEngine(path, create_if_not_exists=False)
    assert isinstance(await refusal(engine, "k", event, path), EngineUnavailableError)
    assert not path.exists()
    sqlite3.connect(path).close()
    assert isinstance(await refusal(engine, "k", event, path), EngineUnavailableError)
    async with SqlitePersistenceEngine(path):
        pass
    await engine.persist(event)
    await engine.aclose()


@pytest.mark.parametrize("content", [b"a letter to Ada\n" * 300, b"SQLite format 3\0" + b"\xff" * 4080])
async def test_a_file_that_is_not_a_database(
    engine: SqlitePersistenceEngine, path: Path, content: bytes, numbered: Numbered
) -> None:
    path.write_bytes(content)
    (event,) = numbered("k", 1, 1)
    assert isinstance(await refusal(engine, "k", event, path), CorruptJournalError)
    with pytest.raises(CorruptJournalError):
        await replay(engine, "k")
    assert path.read_bytes() == content
    path.unlink()
    await engine.persist(event)
    assert await replay(engine, "k") == [event]


@posix_only
async def test_a_damaged_file(engine: SqlitePersistenceEngine, path: Path, numbered: Numbered) -> None:
    await engine.persist_all(numbered("k", 1, 500))
    await engine.aclose()
    whole = path.read_bytes()
    path.write_bytes(whole[: 4096 * 4] + b"\xa5" * (len(whole) - 4096 * 4))
    async with SqlitePersistenceEngine(path) as damaged:
        with pytest.raises(CorruptJournalError, match=r"journal\.db"):
            await replay(damaged, "k")
        with pytest.raises(CorruptJournalError):
            await damaged.persist(numbered("k", 501, 501)[0])
        path.write_bytes(whole)
        await damaged.persist(numbered("k", 501, 501)[0])
        assert len(await replay(damaged, "k")) == 501


async def test_a_file_that_another_process_keeps_locked(
    engine: SqlitePersistenceEngine,
    path: Path,
    key: str,
    stored: list[PersistedEvent],
    shell: sqlite3.Connection,
    numbered: Numbered,
) -> None:
    (event,) = numbered(key, 4, 4)
    shell.execute("BEGIN IMMEDIATE")
    error = await refusal(engine, key, event, path)
    assert isinstance(error, EngineUnavailableError)
    assert not isinstance(error, OutcomeUnknownError)
    assert await replay(engine, key) == stored
    shell.execute("ROLLBACK")
    await engine.persist(event)
    assert await replay(engine, key) == [*stored, event]


async def test_a_file_that_is_locked_when_it_is_opened(
    path: Path, shell: sqlite3.Connection, numbered: Numbered
) -> None:
    (event,) = numbered("k", 1, 1)
    shell.execute("BEGIN EXCLUSIVE")
    engine = SqlitePersistenceEngine(path, timeout=0.05)
    error = await refusal(engine, "k", event, path)
    assert isinstance(error, EngineUnavailableError)
    assert not isinstance(error, OutcomeUnknownError)
    shell.execute("ROLLBACK")
    await engine.persist(event)
    await engine.aclose()


async def test_starters_that_are_in_each_others_way_try_again() -> None:
    """SQLite doesn't wait here. It takes luck to see that: 3 of 400 processes that opened a new file at once."""

    class Contended:
        left = 2

        def execute(self, _: str) -> Self:
            if self.left:
                self.left -= 1
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise error
            return self

        def fetchone(self) -> tuple[str]:
            return ("wal",)

    contended = Contended()
    file = File("x.db", Statements("e", "s"), "FULL", timeout=30, create=True)
    Database(file, writes=True)._use_write_ahead_log(cast("sqlite3.Connection", contended))
    assert contended.left == 0


async def test_a_full_disk(
    engine: SqlitePersistenceEngine, path: Path, key: str, stored: list[PersistedEvent], numbered: Numbered
) -> None:
    await session_of(engine)._writer_thread.call(allow_pages, engine, 20)
    large = numbered(key, 4, 4, data="x" * 200_000)[0]
    small = numbered("small", 1, 1)[0]
    writes = (engine.persist(large), engine.persist(small))
    errors = await asyncio.gather(*writes, return_exceptions=True)
    assert all(
        isinstance(error, EngineUnavailableError) and not isinstance(error, OutcomeUnknownError) for error in errors
    )
    assert await replay(engine, key) == stored
    await asyncio.gather(engine.persist(large), engine.persist(small))  # the limit went with the connection
    assert await replay(engine, key) == [*stored, large]


def allow_pages(engine: SqlitePersistenceEngine, count: int) -> None:
    with session_of(engine)._writer._database as connection:
        connection.execute(f"PRAGMA max_page_count = {count}")


@posix_only
async def test_a_disk_that_fails_in_the_middle_of_a_write(
    engine: SqlitePersistenceEngine, path: Path, key: str, stored: list[PersistedEvent], numbered: Numbered
) -> None:
    (event,) = numbered(key, 4, 4, data="x" * 500_000)
    wal = path.with_name(path.name + "-wal")
    with file_size_limited(wal.stat().st_size + 100_000):
        error = await refusal(engine, key, event, path)
    assert isinstance(error, EngineUnavailableError)
    assert isinstance(error, OutcomeUnknownError)
    assert await replay(engine, key) == stored
    await engine.persist(event)
    assert await replay(engine, key) == [*stored, event]


@contextmanager
def file_size_limited(limit: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@posix_only
async def test_a_file_that_is_read_only(numbered: Numbered) -> None:
    folder = Path(tempfile.mkdtemp())
    path = folder / "journal.db"
    async with SqlitePersistenceEngine(path) as engine:
        await engine.persist(numbered("k", 1, 1)[0])
    engine = SqlitePersistenceEngine(path)
    (event,) = numbered("k", 2, 2)
    try:
        with read_only(folder, path):
            error = await refusal(engine, "k", event, path)
            assert isinstance(error, EngineUnavailableError)
            assert not isinstance(error, OutcomeUnknownError)
        await engine.persist(event)
        assert [event.sequence_number for event in await replay(engine, "k")] == [1, 2]
    finally:
        await engine.aclose()
        shutil.rmtree(folder)


@contextmanager
def read_only(folder: Path, file: Path) -> Iterator[None]:
    is_root = os.geteuid() == 0
    file.chmod(0o444)
    folder.chmod(0o555)
    if is_root:  # whom permissions don't stop
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)
        file.chmod(0o644)


@posix_only
async def test_a_file_that_disappears_is_not_replaced_by_an_empty_one(
    engine: SqlitePersistenceEngine, path: Path, key: str, stored: list[PersistedEvent], numbered: Numbered
) -> None:
    (event,) = numbered(key, 4, 4)
    for file in path.parent.iterdir():
        file.rename(file.with_name("away-" + file.name))
    for _ in range(2):
        error = await refusal(engine, key, event, path)
        assert isinstance(error, EngineUnavailableError)
        assert not isinstance(error, OutcomeUnknownError)
        with pytest.raises(EngineUnavailableError):
            await replay(engine, key)
    assert not path.exists()
    for file in path.parent.iterdir():
        file.rename(file.with_name(file.name.removeprefix("away-")))
    await engine.persist(event)
    assert await replay(engine, key) == [*stored, event]


@posix_only
async def test_a_file_that_is_replaced_is_noticed_before_anything_is_written(
    engine: SqlitePersistenceEngine, path: Path, key: str, stored: list[PersistedEvent], numbered: Numbered
) -> None:
    backup = path.with_suffix(".backup")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    (event,) = numbered(key, 4, 4)
    assert await replay(engine, key) == stored
    for leftover in path.parent.glob("journal.db*"):
        leftover.unlink()
    backup.rename(path)
    error = await refusal(engine, key, event, path)
    assert isinstance(error, EngineUnavailableError)
    assert not isinstance(error, OutcomeUnknownError)
    await engine.persist(event)
    assert await replay(engine, key) == [*stored, event]  # the reader had the old one open


async def test_a_table_that_disappears_is_not_replaced_by_an_empty_one(
    engine: SqlitePersistenceEngine,
    path: Path,
    key: str,
    stored: list[PersistedEvent],
    shell: sqlite3.Connection,
    numbered: Numbered,
) -> None:
    shell.execute("ALTER TABLE event_journal RENAME TO away")
    for _ in range(2):
        assert isinstance(await refusal(engine, key, numbered(key, 4, 4)[0], path), EngineUnavailableError)
    with pytest.raises(EngineUnavailableError):
        await replay(engine, key)
    shell.execute("ALTER TABLE away RENAME TO event_journal")
    assert await replay(engine, key) == stored


@posix_only
async def test_the_path_may_hold_any_character(tmp_path: Path, numbered: Numbered) -> None:
    path = tmp_path / "50% of #1? ünï 'q'.db"
    async with SqlitePersistenceEngine(path) as engine:
        await engine.persist(numbered("k", 1, 1)[0])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
