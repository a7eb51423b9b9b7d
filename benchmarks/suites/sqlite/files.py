"""The files: made by nact's engine with its table, and written by all with a write-ahead log, `synchronous=FULL`."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import msgspec

from benchmarks import growing, persisting
from benchmarks.load import MESSAGE
from benchmarks.model import Run
from nact.persistence.records import now_ms
from nact_persistence_sqlite import SqlitePersistenceEngine

Row: TypeAlias = tuple[str, int, int, str, int, str, str]

SYNCHRONOUS = "PRAGMA synchronous = FULL"
INSERT = (
    "INSERT INTO event_journal (persistence_key, sequence_nr, created_at, data, is_deleted, tags, event_id) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
SELECT = (
    "SELECT sequence_nr, data, tags, created_at, is_deleted, event_id FROM event_journal "
    "WHERE persistence_key = ? ORDER BY sequence_nr"
)


@asynccontextmanager
async def empty(run: Run, *, trigger: bool = True) -> AsyncIterator[Path]:
    """A new file without events, removed in the end. The trigger is the engine's, and checks every row."""
    with tempfile.TemporaryDirectory(dir=run.folder) as folder:
        path = Path(folder, "journal.db")
        async with SqlitePersistenceEngine(path):
            pass
        if not trigger:
            connection = connect(path)
            connection.execute("DROP TRIGGER event_journal_next")
            connection.close()
        yield path


def full(run: Run) -> Path:
    """The file that `fill` made."""
    return run.folder / "journal.db"


async def fill(run: Run) -> None:
    """Makes a file with `run.n` events of one key."""
    async with SqlitePersistenceEngine(full(run)) as engine:
        await persisting.fill(engine, run.n)


def grown(run: Run) -> Path:
    """The file that `fill_for_growth` made."""
    return run.folder / f"{run.stored}.db"


async def fill_for_growth(run: Run) -> None:
    """Makes a file with `run.stored` events."""
    async with SqlitePersistenceEngine(grown(run)) as engine:
        await growing.fill(engine, run.stored)


def connect(path: Path) -> sqlite3.Connection:
    """A connection that commits at once, unless told otherwise. The write-ahead log is a property of the file."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(SYNCHRONOUS)
    return connection


def row(key: str, number: int) -> Row:
    """A row like the engine's. It is made while the clock runs, for nact can't make it earlier either."""
    return key, number, now_ms(), msgspec.json.encode(MESSAGE).decode(), 0, "[]", str(uuid4())
