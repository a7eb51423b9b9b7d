"""Writes batches on the writer thread: a transaction and an fsync for each batch, an outcome for each item."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from nact.errors import EngineUnavailableError, InvalidEventError, NactError, OutcomeUnknownError, SequenceConflictError
from nact.persistence.building.group_commit import Outcome
from nact_persistence_sqlite import _sql
from nact_persistence_sqlite._database import Database, File
from nact_persistence_sqlite._errors import REFUSED
from nact_persistence_sqlite._rows import EVENT_COLUMNS, EventRow, SnapshotRow
from nact_persistence_sqlite._sql import MAX_ROWS, PARAMETERS

_DELETED_AT_ONCE = 5000
_PARAMETERS_OF_MAX_ROWS = MAX_ROWS * PARAMETERS


@dataclass(slots=True)
class Append:
    """The events of one `persist` or `persist_all`: one key, all or nothing."""

    rows: Sequence[EventRow]


@dataclass(slots=True)
class PutSnapshot:
    """A snapshot to store."""

    row: SnapshotRow


@dataclass(slots=True)
class DeleteSnapshots:
    """Snapshots to remove."""

    key: str
    up_to: int


@dataclass(slots=True)
class DeleteEvents:
    """Events to remove, some thousand in a transaction, so that writers of other keys needn't wait for all of them."""

    key: str
    up_to: int
    is_done: bool = False


Item: TypeAlias = Append | PutSnapshot | DeleteSnapshots | DeleteEvents


class Writer:
    """The work of the writer thread. The database decides conflicts: with its unique key, and the trigger beside it."""

    def __init__(self, database: Database, file: File) -> None:
        self._database = database
        self._file = file
        self._sql = file.sql

    def open(self) -> None:
        """Opens the file and makes its tables, unless it is open and still the file that others find."""
        self._database.renew()
        with self._database:
            return

    def write(self, items: Sequence[Item]) -> Sequence[Outcome]:
        """Stores the items. An item that can't be stored fails alone.

        Raises:
            EngineUnavailableError: None of them is stored.
            OutcomeUnknownError: They may be stored. Call `settle`.
        """
        try:
            return self._write(items)
        except EngineUnavailableError as error:
            self._file.is_in_doubt |= isinstance(error, OutcomeUnknownError)
            raise

    def settle(self) -> None:
        """Returns when the transaction of a failed commit is stored, or never will be.

        A failed commit may have left a whole transaction in the write-ahead log. No reader sees it, but it would come
        to life when the log is recovered. The next commit takes its place.

        Raises:
            EngineUnavailableError: It is still undecided.
        """
        if self._file.is_in_doubt:
            with self._database as connection:
                connection.execute("BEGIN IMMEDIATE")
                self._touch(connection)
                connection.execute("COMMIT")
            self._file.is_in_doubt = False

    def _write(self, items: Sequence[Item]) -> Sequence[Outcome]:
        with self._database as connection:
            if self._write_at_once(connection, items):
                return [None] * len(items)
            connection.execute("BEGIN IMMEDIATE")
            outcomes = self._store(connection, items)
            connection.execute("COMMIT")
            return outcomes

    def close(self) -> None:
        self._database.close()

    def _write_at_once(self, connection: sqlite3.Connection, items: Sequence[Item]) -> bool:
        """Stores the items if all of them are events, and each is the next of its key: the usual case.

        One statement is its own transaction. Several events of one item need an explicit transaction, because a trigger
        of the user can let a statement store some of its rows only.
        """
        rows: list[EventRow] = []
        for item in items:
            if type(item) is not Append:
                return False
            rows.extend(item.rows)
        if len(rows) > _rows_at_once(connection):
            return False
        is_own_transaction = len(rows) == len(items)
        try:
            if not is_own_transaction:
                connection.execute("BEGIN IMMEDIATE")
            self._insert(connection, rows)
            if not is_own_transaction:
                connection.execute("COMMIT")
        except REFUSED:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return False
        return True

    def _store(self, connection: sqlite3.Connection, items: Sequence[Item]) -> list[Outcome]:
        """Stores the items. It finds those that are refused by halving, so that a few of them cost little."""
        connection.execute("SAVEPOINT items")
        try:
            self._apply(connection, items)
        except REFUSED as error:
            connection.execute("ROLLBACK TO items")
            refused: Exception | None = error
        else:
            refused = None
        connection.execute("RELEASE items")
        if refused is None:
            return [None] * len(items)
        if len(items) == 1:
            return [self._explain(connection, items[0], refused)]
        half = len(items) // 2
        return self._store(connection, items[:half]) + self._store(connection, items[half:])

    def _apply(self, connection: sqlite3.Connection, items: Sequence[Item]) -> None:
        rows = list(chain.from_iterable(item.rows for item in items if type(item) is Append))
        at_once = _rows_at_once(connection)
        for start in range(0, len(rows), at_once):
            self._insert(connection, rows[start : start + at_once])
        for item in items:
            match item:
                case PutSnapshot(row):
                    connection.execute(self._sql.put_snapshot, row)
                case DeleteSnapshots(key, up_to):
                    connection.execute(self._sql.delete_snapshots, (key, up_to))
                case DeleteEvents():
                    self._delete_events(connection, item)
                case Append():
                    pass

    def _insert(self, connection: sqlite3.Connection, rows: Sequence[EventRow]) -> None:
        """Stores all of the rows, or raises. After an error some may be stored, if no transaction is open."""
        values: list[object] = []
        for row in rows:
            values += row
        columns = EVENT_COLUMNS
        if len(values) != columns * len(rows):  # there is metadata
            columns = PARAMETERS
            values = [value for row in rows for value in (*row, None)[:columns]]
        text, size = self._sql.insert_events(len(rows), columns)
        values += (None,) * (columns * (size - len(rows)))
        if connection.execute(text, values).rowcount != len(rows):
            raise sqlite3.IntegrityError("a trigger left it out")

    def _touch(self, connection: sqlite3.Connection) -> None:
        """Makes the transaction write and sync something, though it changes nothing."""
        (version,) = connection.execute(_sql.USER_VERSION).fetchone()
        connection.execute(f"{_sql.USER_VERSION} = {version}")

    def _delete_events(self, connection: sqlite3.Connection, item: DeleteEvents) -> None:
        (last,) = connection.execute(self._sql.last_up_to, (item.key, item.up_to)).fetchone()
        item.up_to = last or 0  # events that are persisted meanwhile stay
        connection.execute(self._sql.bury, (item.key, last))
        deleted = connection.execute(self._sql.delete_below, (item.key, last, _DELETED_AT_ONCE)).rowcount
        item.is_done = deleted < _DELETED_AT_ONCE

    def _explain(self, connection: sqlite3.Connection, item: Item, refused: Exception) -> Outcome:
        """The reason why the database refused the item; `None` if the item is stored already, from the same writer."""
        outcome: NactError
        if type(item) is not Append:
            outcome = InvalidEventError(f"the database refused it: {refused}")
        else:
            key, first = item.rows[0][:2]
            is_tombstone = item.rows[0][4]
            stored = connection.execute(self._sql.stored_ids, (key, first, item.rows[-1][1])).fetchall()
            if stored == [(row[1], row[6]) for row in item.rows]:
                self._touch(connection)  # its writer may have died before the sync
                return None
            highest = connection.execute(self._sql.highest, (key,)).fetchone()[0] or 0
            if highest if is_tombstone else highest + 1 != first:
                outcome = SequenceConflictError(key, first, highest)
            else:
                outcome = InvalidEventError(f"the database refused event {first} of key {key!r}: {refused}")
        outcome.__cause__ = refused
        return outcome


def _rows_at_once(connection: sqlite3.Connection) -> int:
    parameters = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    return MAX_ROWS if parameters >= _PARAMETERS_OF_MAX_ROWS else _sql.rows_at_once(parameters)
