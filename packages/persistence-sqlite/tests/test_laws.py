"""The conformance kit's laws, on a file. (It has no server to kill; processes that write to it are killed.)"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from nact.persistence import PersistedEvent
from nact_conformance.suite import BackDoor, ConformanceSuite
from nact_persistence_sqlite import SqlitePersistenceEngine


class SqliteBackDoor:
    """Changes a journal as the `sqlite3` shell does, past the engine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def remove_event(self, key: str, sequence_number: int) -> None:
        where = "WHERE persistence_key = ? AND sequence_nr = ?"
        self._run(f"DELETE FROM event_journal {where}", key, sequence_number)

    async def garble_event(self, key: str, sequence_number: int) -> None:
        self._garble("event_journal", key, sequence_number)

    async def garble_snapshot(self, key: str, sequence_number: int) -> None:
        self._garble("snapshot_store", key, sequence_number)

    async def plant_event(self, event: PersistedEvent) -> None:
        async with SqlitePersistenceEngine(self._path):
            pass  # the tables are there
        data = None if event.is_deleted else json.dumps(event.data)
        values = data, event.is_deleted, json.dumps(event.tags), event.event_id
        columns = "persistence_key, sequence_nr, created_at, data, is_deleted, tags, event_id"
        insert = f"INSERT INTO event_journal ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        self._run(insert, event.key, event.sequence_number, event.created_at, *values)

    async def garble_metadata(self, key: str, sequence_number: int) -> None:
        self._garble("event_journal", key, sequence_number, column="metadata")

    async def holds(self, text: str) -> bool:
        with closing(sqlite3.connect(self._path)) as connection:
            rows = [
                row
                for table in ("event_journal", "snapshot_store")
                for row in connection.execute(f"SELECT * FROM {table}").fetchall()
            ]
        return any(text in str(value) for row in rows for value in row)

    async def empty(self) -> None:
        self._change("DELETE FROM {}", "event_journal", "snapshot_store")

    async def drop(self) -> None:
        self._change("DROP TABLE {}", "event_journal", "snapshot_store", "nact_schema")

    def _change(self, statement: str, *tables: str) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema").fetchall()}
        for table in tables:
            if table in there:
                connection.execute(statement.format(table))
        connection.close()

    def _garble(self, table: str, key: str, sequence_number: int, column: str = "data") -> None:
        change = f"""UPDATE {table} SET {column} = '{{"half' WHERE persistence_key = ? AND sequence_nr = ?"""
        self._run(change, key, sequence_number)

    def _run(self, statement: str, *values: object) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("DROP TRIGGER IF EXISTS event_journal_next")  # an older writer may not have had it
        assert connection.execute(statement, values).rowcount == 1
        connection.close()


class TestFile(ConformanceSuite):
    def url(self) -> str:
        return f"sqlite:///{self.folder}/journal.db"

    def back_door(self) -> BackDoor:
        return SqliteBackDoor(self.folder / "journal.db")
