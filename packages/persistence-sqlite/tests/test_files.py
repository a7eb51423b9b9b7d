"""Other programs change the files, and this process drops SQLite's locks: no acknowledged event is lost."""

# ruff: noqa: ASYNC240, PLR0917 - a test may block, fixtures

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlite_sessions import session_of

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent
from nact_persistence_sqlite import SqlitePersistenceEngine
from nact_persistence_sqlite._rows import EventRow

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows renames and removes no file that is open"),
]
Numbered = Callable[..., list[PersistedEvent]]
StartPython = Callable[..., subprocess.Popen[str]]
MOVED = "took the place of the one|took its place.* remove the -wal"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are no open file description locks")


@pytest.fixture
async def stored(engine: SqlitePersistenceEngine, key: str, numbered: Numbered) -> list[PersistedEvent]:
    events = numbered(key, 1, 3)
    await engine.persist_all(events)
    assert await replay(engine, key) == events  # the reader has it open, too
    return events


async def replay(engine: SqlitePersistenceEngine, key: str) -> list[PersistedEvent]:
    return [event async for event in engine.events(key)]


def beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


COUNT = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])"


def other_program(path: Path, statement: str = "SELECT count(*) FROM event_journal") -> str:
    """Opens the database, runs a statement, and closes it: as the last user, if it finds no other."""
    asked = subprocess.run(
        [sys.executable, "-c", COUNT, str(path), statement], check=False, capture_output=True, text=True
    )
    return asked.stdout.strip() + asked.stderr


def close_a_descriptor(path: Path) -> None:
    path.read_bytes()


@contextmanager
def when_inserted(engine: SqlitePersistenceEngine, happens: Callable[[], object]) -> Iterator[None]:
    """Something happens when an event is stored, and not yet acknowledged; once."""
    writer = session_of(engine)._writer
    insert = writer._insert

    def insert_and_more(connection: sqlite3.Connection, rows: Sequence[EventRow]) -> None:
        insert(connection, rows)
        del writer._insert
        happens()

    writer._insert = insert_and_more  # type: ignore[method-assign]
    yield


SERVICE = """
import asyncio, shutil, sys, tempfile
from pathlib import Path
from nact.persistence import PersistedEvent
from nact_persistence_sqlite import SqlitePersistenceEngine
async def main():
    engine = SqlitePersistenceEngine(sys.argv[1])
    for number in range(1, 11):
        await engine.persist(PersistedEvent(key="k", sequence_number=number, data=None))
        if sys.argv[2] == "reads its file":
            Path(sys.argv[1]).read_bytes()
        else:
            shutil.copytree(Path(sys.argv[1]).parent, tempfile.mkdtemp(), dirs_exist_ok=True)
        print(number, flush=True)
        sys.stdin.readline()
asyncio.run(main())
"""


@linux_only
@pytest.mark.crash
@pytest.mark.parametrize("habit", ["reads its file", "copies its folder"])
async def test_a_killed_process_that_dropped_its_locks_loses_nothing(
    start_python: StartPython, path: Path, habit: str
) -> None:
    service = start_python(SERVICE, path, habit)
    assert service.stdout is not None
    assert service.stdin is not None
    for number in range(1, 11):
        assert service.stdout.readline() == f"{number}\n"
        assert other_program(path) == str(number)
        if number < 10:
            service.stdin.write("\n")
            service.stdin.flush()
    service.kill()
    service.wait()
    assert other_program(path) == "10"


@linux_only
@pytest.mark.parametrize("end", ["", "-shm"])
async def test_closing_a_descriptor_doesnt_let_others_remove_the_log(
    engine: SqlitePersistenceEngine, path: Path, key: str, stored: list[PersistedEvent], numbered: Numbered, end: str
) -> None:
    log = beside(path, "-wal").stat().st_ino
    async with SqlitePersistenceEngine(path) as other:
        await replay(other, key)
        await asyncio.to_thread(close_a_descriptor, beside(path, end))
    assert other_program(path, "PRAGMA wal_checkpoint(TRUNCATE)") == "0"
    assert "locked" in other_program(path, "PRAGMA journal_mode = DELETE")
    assert beside(path, "-wal").stat().st_ino == log
    for event in numbered(key, 4, 5):
        await engine.persist(event)
    assert other_program(path) == "5"


@linux_only
async def test_the_last_engine_of_a_process_empties_the_log(
    engine: SqlitePersistenceEngine, path: Path, key: str, stored: list[PersistedEvent]
) -> None:
    other = SqlitePersistenceEngine(path)
    assert await replay(other, key) == stored
    await engine.aclose()
    assert beside(path, "-wal").exists()
    await other.aclose()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@linux_only
async def test_locks_lost_during_a_write_leave_its_outcome_unknown(
    engine: SqlitePersistenceEngine, path: Path, key: str, stored: list[PersistedEvent], numbered: Numbered
) -> None:
    (event,) = numbered(key, 4, 4)
    loss = when_inserted(engine, lambda: close_a_descriptor(beside(path, "-shm")))
    with loss, pytest.raises(EngineUnavailableError, match="drops SQLite's locks") as raised:
        await engine.persist(event)
    assert isinstance(raised.value, OutcomeUnknownError)
    assert await replay(engine, key) == [*stored, event]
    await engine.persist(event)
    assert other_program(path) == "4"


@linux_only
async def test_locks_lost_during_a_read_make_it_raise(
    engine: SqlitePersistenceEngine, path: Path, key: str, stored: list[PersistedEvent]
) -> None:
    def read_and_lose() -> int:
        with session_of(engine).reader._database:
            close_a_descriptor(beside(path, "-shm"))
        return 0

    with pytest.raises(EngineUnavailableError, match="drops SQLite's locks"):
        await session_of(engine).read(read_and_lose)
    assert await replay(engine, key) == stored


@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
@pytest.mark.parametrize("away", [Path.unlink, lambda file: file.rename(file.with_name("away"))])
async def test_what_goes_to_a_file_that_is_gone_isnt_acknowledged(
    engine: SqlitePersistenceEngine,
    path: Path,
    key: str,
    stored: list[PersistedEvent],
    numbered: Numbered,
    end: str,
    away: Callable[[Path], object],
) -> None:
    (event,) = numbered(key, 4, 4)
    with when_inserted(engine, lambda: away(beside(path, end))), pytest.raises(EngineUnavailableError) as raised:
        await engine.persist(event)
    assert isinstance(raised.value, OutcomeUnknownError)
    assert str(beside(path, end)) in str(raised.value)


async def test_a_log_that_went_away_is_noticed_before_a_write(
    engine: SqlitePersistenceEngine, path: Path, key: str, stored: list[PersistedEvent], numbered: Numbered
) -> None:
    other_program(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    for end in ("-wal", "-shm"):
        beside(path, end).unlink()
    (event,) = numbered(key, 4, 4)
    with pytest.raises(EngineUnavailableError) as raised:
        await engine.persist(event)
    assert not isinstance(raised.value, OutcomeUnknownError)
    await engine.persist(event)
    assert other_program(path) == "4"
    assert await replay(engine, key) == [*stored, event]


async def test_a_reader_alone_notices_that_the_log_went_away(
    engine: SqlitePersistenceEngine, path: Path, key: str, stored: list[PersistedEvent]
) -> None:
    other_program(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    for end in ("-wal", "-shm"):
        beside(path, end).unlink()
    with pytest.raises(EngineUnavailableError):
        await replay(engine, key)
    assert await replay(engine, key) == stored


async def test_an_open_connection_of_the_program_to_removed_files(
    engine: SqlitePersistenceEngine,
    path: Path,
    key: str,
    shell: sqlite3.Connection,
    stored: list[PersistedEvent],
    numbered: Numbered,
) -> None:
    """Its connections share `-shm`, so the engine's would go on with the one that others don't find."""
    assert shell.execute("SELECT count(*) FROM event_journal").fetchone() == (3,)
    shell.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for end in ("-wal", "-shm"):
        beside(path, end).unlink()
    (event,) = numbered(key, 4, 4)
    for _ in range(3):
        with pytest.raises(EngineUnavailableError):
            await engine.persist(event)
        with pytest.raises(EngineUnavailableError):
            await replay(engine, key)
    shell.close()
    await engine.persist(event)
    assert other_program(path) == "4"


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM event_journal").fetchone()
print("open", flush=True)
sys.stdin.read()
"""


async def test_an_open_connection_of_the_program_to_replaced_files(
    engine: SqlitePersistenceEngine,
    path: Path,
    key: str,
    shell: sqlite3.Connection,
    stored: list[PersistedEvent],
    numbered: Numbered,
    start_python: StartPython,
) -> None:
    """As above, but the names lead to files again: those that another program made."""
    assert shell.execute("SELECT count(*) FROM event_journal").fetchone() == (3,)
    shell.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for end in ("-wal", "-shm"):
        beside(path, end).unlink()
    other = start_python(HOLD, path)
    assert other.stdout is not None
    assert other.stdout.readline() == "open\n"
    (event,) = numbered(key, 4, 4)
    with pytest.raises(EngineUnavailableError):  # what was open has other names
        await engine.persist(event)
    for _ in range(3):
        with pytest.raises(EngineUnavailableError, match="another file open that had this name") as raised:
            await engine.persist(event)
        assert not isinstance(raised.value, OutcomeUnknownError)
    shell.close()
    await engine.persist(event)
    other.communicate()
    assert other_program(path) == "4"


async def test_a_file_under_the_log_of_the_one_before_is_refused(
    engine: SqlitePersistenceEngine, path: Path, key: str, stored: list[PersistedEvent], numbered: Numbered
) -> None:
    backup = path.with_suffix(".backup")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    content = backup.read_bytes()
    (event,) = numbered(key, 4, 4)
    await engine.persist(event)
    backup.rename(path)
    for _ in range(3):
        with pytest.raises(EngineUnavailableError, match=MOVED) as raised:
            await engine.persist(numbered(key, 5, 5)[0])
        assert not isinstance(raised.value, OutcomeUnknownError)
        with pytest.raises(EngineUnavailableError):
            await replay(engine, key)
    assert path.read_bytes() == content
    for end in ("-wal", "-shm"):
        beside(path, end).unlink()
    assert await replay(engine, key) == stored


async def test_a_file_with_a_second_name_is_refused(
    engine: SqlitePersistenceEngine, path: Path, key: str, stored: list[PersistedEvent], numbered: Numbered
) -> None:
    second = path.with_name("second.db")
    second.hardlink_to(path)
    (event,) = numbered(key, 4, 4)
    for _ in range(2):
        with pytest.raises(EngineUnavailableError, match="hard link") as raised:
            await engine.persist(event)
        assert not isinstance(raised.value, OutcomeUnknownError)
    second.unlink()
    await engine.persist(event)
    assert await replay(engine, key) == [*stored, event]


async def test_a_symbolic_link_leads_to_the_files_beside_the_database(
    path: Path, tmp_path: Path, numbered: Numbered
) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "real.db"
    path.symlink_to(real)
    async with SqlitePersistenceEngine(path) as engine, SqlitePersistenceEngine(real) as other:
        first, second = numbered("k", 1, 2)
        await engine.persist(first)
        await other.persist(second)
        beside(real, "-wal").rename(tmp_path / "away")
        with pytest.raises(EngineUnavailableError, match=r"real\.db-wal"):
            await engine.persist(numbered("k", 3, 3)[0])


CHILD = """
import asyncio, os, sys, warnings
from nact.persistence import PersistedEvent
from nact_persistence_sqlite import SqlitePersistenceEngine
warnings.simplefilter("ignore")
async def write(engine, first, last):
    for number in range(first, last + 1):
        await engine.persist(PersistedEvent(key="k", sequence_number=number, data=None))
parent = SqlitePersistenceEngine(sys.argv[1])
asyncio.run(write(parent, 1, 2))
opened, opens = os.pipe()
if (child := os.fork()) == 0:
    engine = SqlitePersistenceEngine(sys.argv[1])
    asyncio.run(write(engine, 3, 4))
    os.write(opens, b"!")
    sys.stdin.readline()
    asyncio.run(write(engine, 5, 9))
    os.write(1, b"written\\n")
    os.kill(os.getpid(), 9)
os.read(opened, 1)
asyncio.run(parent.aclose())
os.write(1, b"closed\\n")
os.waitpid(child, 0)
"""


@linux_only
@pytest.mark.crash
async def test_a_forked_childs_own_engine_outlives_the_parents(start_python: StartPython, path: Path) -> None:
    family = start_python(CHILD, path)
    assert family.stdout is not None
    assert family.stdin is not None
    assert family.stdout.readline() == "closed\n"
    assert other_program(path) == "4"
    family.stdin.write("\n")
    family.stdin.flush()
    assert family.stdout.readline() == "written\n"
    family.wait()
    assert other_program(path) == "9"


async def test_a_retry_of_what_another_process_stored_is_synced(
    engine: SqlitePersistenceEngine, path: Path, stored: list[PersistedEvent]
) -> None:
    size = beside(path, "-wal").stat().st_size
    await engine.persist_all(stored)
    assert beside(path, "-wal").stat().st_size > size


async def test_a_commit_without_readers_never_comes_to_life(
    engine: SqlitePersistenceEngine,
    path: Path,
    key: str,
    shell: sqlite3.Connection,
    stored: list[PersistedEvent],
    numbered: Numbered,
) -> None:
    """As after an I/O error in the very end of a commit: it is whole in the log, and the index doesn't know it."""
    shell.execute("SELECT count(*) FROM event_journal").fetchone()  # keeps the index in use
    index = beside(path, "-shm")
    with index.open("rb") as file:
        header = file.read(96)

    def forget() -> None:
        with index.open("r+b") as file:
            file.write(header)

    with when_inserted(engine, forget), pytest.raises(EngineUnavailableError) as raised:
        await engine.persist(numbered(key, 4, 4)[0])
    assert isinstance(raised.value, OutcomeUnknownError)
    seen = await replay(engine, key)
    copy = path.parent / "copy" / "journal.db"
    copy.parent.mkdir()
    for end in ("", "-wal"):  # as they are when the process dies
        shutil.copy(beside(path, end), beside(copy, end))
    async with SqlitePersistenceEngine(copy) as recovered:
        assert await replay(recovered, key) == seen


async def test_a_full_disk_at_a_checkpoint_loses_nothing(
    engine: SqlitePersistenceEngine, path: Path, numbered: Numbered
) -> None:
    await engine.persist_all(numbered("large", 1, 200, data="x" * 40_000))
    other_program(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    limit = path.stat().st_size
    assert limit > 6_000_000  # the log is shorter when it is due for a checkpoint
    events = numbered("k", 1, 350, data="x" * 2000)
    with file_size_limited(limit):
        for event in events:
            await engine.persist(event)
    assert path.stat().st_size <= limit
    assert await replay(engine, "k") == events
    assert other_program(path) == "550"


@contextmanager
def file_size_limited(limit: int) -> Iterator[None]:
    resource = pytest.importorskip("resource", reason="this system has no limit for the size of files")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
