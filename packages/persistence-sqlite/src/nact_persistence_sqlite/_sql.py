"""Every SQL text of this package. Identifiers are quoted; values are parameters."""

# ruff: noqa: S608 - only quoted identifiers and counts are put into these texts

from __future__ import annotations

from functools import cached_property

MAX_ROWS = 1024
"""The most rows of one INSERT: `PARAMETERS` for each stay far below SQLite's limit of 32,766 (from 3.32 on)."""

OLDEST = (3, 24, 0)
"""The first SQLite that knows `ON CONFLICT ... DO UPDATE`."""

_COLUMNS = ("persistence_key", "sequence_nr", "created_at", "data", "is_deleted", "tags", "event_id", "metadata")
PARAMETERS = len(_COLUMNS)
"""Of one row of an INSERT, at most: without metadata there is one less."""
_SIZES = sorted({2**n for n in range(11)} | {3 * 2**n for n in range(9)})  # 1, 2, 3, 4, 6, 8, 12, ... 768, 1024

SCHEMA_TABLE = "nact_schema"
"""Holds the version of each of our tables. (The file may be shared, so `PRAGMA user_version` isn't ours.)"""

SCHEMA_VERSION = 1

CREATE_SCHEMA_TABLE = (
    f'CREATE TABLE IF NOT EXISTS "{SCHEMA_TABLE}" (table_name TEXT PRIMARY KEY, version INTEGER NOT NULL)'
)
SCHEMA_VERSIONS = f'SELECT table_name, version FROM "{SCHEMA_TABLE}" WHERE table_name IN (?, ?)'
RECORD_VERSION = f'INSERT INTO "{SCHEMA_TABLE}" (table_name, version) VALUES (?, ?)'
USER_VERSION = "PRAGMA user_version"
COLUMNS = "SELECT name FROM pragma_table_info(?)"
TRIGGER = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ? COLLATE NOCASE"
HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE"


def rows_at_once(parameters: int) -> int:
    """The most rows of an INSERT where a statement may have this many parameters: 999 before SQLite 3.32."""
    return max((size for size in _SIZES if size * PARAMETERS <= parameters), default=1)


class Statements:
    """The statements for one pair of tables."""

    def __init__(self, event_table: str, snapshot_table: str) -> None:
        self.event_table = event_table
        self.snapshot_table = snapshot_table
        self._events = quoted(event_table)
        self._snapshots = quoted(snapshot_table)
        self._inserts: dict[tuple[int, int], str] = {}

    # --- schema ----------------------------------------------------------------------------------------------

    @property
    def create_event_table(self) -> str:
        return f"""CREATE TABLE {self._events} (
  ordering INTEGER PRIMARY KEY AUTOINCREMENT,
  persistence_key TEXT NOT NULL,
  sequence_nr INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  data TEXT,
  is_deleted INTEGER NOT NULL DEFAULT 0,
  tags TEXT NOT NULL DEFAULT '[]',
  event_id TEXT NOT NULL,
  metadata TEXT,
  UNIQUE (persistence_key, sequence_nr)
)"""

    @property
    def trigger(self) -> str:
        """The name of the trigger that keeps the journal dense, whatever program writes to it."""
        return f"{self.event_table}_next"

    @property
    def create_trigger(self) -> str:
        """Refuses a number that isn't the next one, and a tombstone that isn't the first record of its key."""
        return f"""CREATE TRIGGER {quoted(self.trigger)} BEFORE INSERT ON {self._events}
WHEN CASE WHEN NEW.is_deleted
  THEN EXISTS (SELECT 1 FROM {self._events} WHERE persistence_key = NEW.persistence_key)
  ELSE NEW.sequence_nr <> 1 + coalesce(
    (SELECT max(sequence_nr) FROM {self._events} WHERE persistence_key = NEW.persistence_key), 0)
END
BEGIN SELECT raise(ABORT, 'the sequence number is not the next one of its key'); END"""

    @property
    def drop_trigger(self) -> str:
        return f"DROP TRIGGER IF EXISTS {quoted(self.trigger)}"

    @property
    def create_snapshot_table(self) -> str:
        return f"""CREATE TABLE {self._snapshots} (
  ordering INTEGER PRIMARY KEY,
  persistence_key TEXT NOT NULL,
  sequence_nr INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  data TEXT NOT NULL,
  event_id TEXT,
  metadata TEXT,
  UNIQUE (persistence_key, sequence_nr)
)"""

    @property
    def later_columns(self) -> tuple[tuple[str, str], ...]:
        """Tables, and columns that tables of earlier releases lack. Those go on writing to them, and leave it NULL."""
        return (
            (self.event_table, "metadata"),
            (self.snapshot_table, "event_id"),
            (self.snapshot_table, "metadata"),
        )

    # --- writing ---------------------------------------------------------------------------------------------

    def insert_events(self, count: int, columns: int) -> tuple[str, int]:
        """An INSERT of at least `count` rows with the first columns, and its size. Rows whose key is NULL are left out.

        One statement is one step, and Python gives up its lock at every step: see docs/adr/0006. There are a few sizes,
        so that the statements stay prepared.
        """
        size = next(size for size in _SIZES if size >= count)
        text = self._inserts.get((size, columns))
        if text is None:
            rows = ", ".join([f"({', '.join('?' * columns)})"] * size)
            text = (
                f"INSERT INTO {self._events} ({', '.join(_COLUMNS[:columns])}) "
                f"SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL"
            )
            self._inserts[size, columns] = text
        return text, size

    @cached_property
    def stored_ids(self) -> str:
        return (
            f"SELECT sequence_nr, event_id FROM {self._events} "
            "WHERE persistence_key = ? AND sequence_nr BETWEEN ? AND ? ORDER BY sequence_nr"
        )

    @cached_property
    def last_up_to(self) -> str:
        return f"SELECT max(sequence_nr) FROM {self._events} WHERE persistence_key = ? AND sequence_nr <= ?"

    @cached_property
    def bury(self) -> str:
        return (
            f"UPDATE {self._events} SET is_deleted = 1, data = NULL, tags = '[]', metadata = NULL "
            "WHERE persistence_key = ? AND sequence_nr = ? AND NOT is_deleted"
        )

    @cached_property
    def delete_below(self) -> str:
        """Deletes from the top down: an unfinished deletion leaves events, a gap and a tombstone, in this order."""
        return (
            f"DELETE FROM {self._events} WHERE ordering IN (SELECT ordering FROM {self._events} "
            "WHERE persistence_key = ? AND sequence_nr < ? ORDER BY sequence_nr DESC LIMIT ?)"
        )

    @cached_property
    def put_snapshot(self) -> str:
        return (
            f"INSERT INTO {self._snapshots} (persistence_key, sequence_nr, created_at, data, event_id, metadata) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (persistence_key, sequence_nr) DO UPDATE "
            "SET created_at = excluded.created_at, data = excluded.data, event_id = excluded.event_id, "
            "metadata = excluded.metadata"
        )

    @cached_property
    def delete_snapshots(self) -> str:
        return f"DELETE FROM {self._snapshots} WHERE persistence_key = ? AND sequence_nr <= ?"

    # --- reading ---------------------------------------------------------------------------------------------

    @cached_property
    def page(self) -> str:
        return (
            f"SELECT sequence_nr, data, tags, created_at, is_deleted, event_id, metadata FROM {self._events} "
            "WHERE persistence_key = ? AND sequence_nr > ? ORDER BY sequence_nr LIMIT ?"
        )

    @cached_property
    def highest(self) -> str:
        return f"SELECT max(sequence_nr) FROM {self._events} WHERE persistence_key = ?"

    @cached_property
    def latest_snapshot(self) -> str:
        return (
            f"SELECT sequence_nr, data, created_at, event_id, metadata FROM {self._snapshots} "
            "WHERE persistence_key = ? AND sequence_nr <= ? ORDER BY sequence_nr DESC LIMIT 1"
        )

    @cached_property
    def keys(self) -> str:
        """Lists keys from a first one (inclusive or not), with a step in the index for each key and not each event."""
        least = f"SELECT min(persistence_key) FROM {self._events} WHERE persistence_key"
        return (
            f"WITH RECURSIVE k(name) AS (SELECT CASE WHEN ? THEN ({least} >= ?) ELSE ({least} > ?) END "
            f"UNION ALL SELECT ({least} > k.name) FROM k WHERE k.name IS NOT NULL) "
            "SELECT name FROM k WHERE name IS NOT NULL LIMIT ?"
        )


def add_column(table: str, column: str) -> str:
    return f"ALTER TABLE {quoted(table)} ADD COLUMN {column} TEXT"


def quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
