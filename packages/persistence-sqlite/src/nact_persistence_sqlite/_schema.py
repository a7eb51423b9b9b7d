"""The tables: made by the first engine that opens the file, and checked by every other."""

from __future__ import annotations

import sqlite3

from nact.errors import CorruptJournalError, EngineUnavailableError
from nact_persistence_sqlite import _sql
from nact_persistence_sqlite._sql import Statements


def prepare(connection: sqlite3.Connection, path: str, sql: Statements, *, create: bool) -> None:
    """Makes the tables that are missing, if `create`, and the columns and the trigger that earlier releases lack.

    Does nothing, not even write, when all is there.

    Raises:
        EngineUnavailableError: They are missing, and aren't to be created.
        CorruptJournalError: They aren't ours, or were made by a later release.
    """
    missing = _missing(connection, path, sql)
    if not missing and _is_complete(connection, sql):
        return
    if missing and not create:
        raise EngineUnavailableError(
            f"{path}: there is no table {sql.event_table} or {sql.snapshot_table} of nact's in it; "
            "restore the file, or make a new engine with create_if_not_exists=True",
        )
    connection.execute("BEGIN IMMEDIATE")  # one starter at a time; the others find all of it there
    for table in _missing(connection, path, sql):
        _create(connection, path, sql, table)
    _complete(connection, sql)
    connection.execute("COMMIT")


def _is_complete(connection: sqlite3.Connection, sql: Statements) -> bool:
    return not _missing_columns(connection, sql) and _has_trigger(connection, sql)


def _complete(connection: sqlite3.Connection, sql: Statements) -> None:
    for table, column in _missing_columns(connection, sql):
        connection.execute(_sql.add_column(table, column))
    if not _has_trigger(connection, sql):
        connection.execute(sql.drop_trigger)
        connection.execute(sql.create_trigger)


def _missing_columns(connection: sqlite3.Connection, sql: Statements) -> list[tuple[str, str]]:
    there = {
        (table, column)
        for table in (sql.event_table, sql.snapshot_table)
        for (column,) in connection.execute(_sql.COLUMNS, (table,)).fetchall()
    }
    return [missing for missing in sql.later_columns if missing not in there]


def _has_trigger(connection: sqlite3.Connection, sql: Statements) -> bool:
    row = connection.execute(_sql.TRIGGER, (sql.trigger,)).fetchone()
    return row is not None and "NEW.is_deleted" in row[0]  # earlier releases' refuses what begins with a tombstone


def _missing(connection: sqlite3.Connection, path: str, sql: Statements) -> list[str]:
    tables = (sql.event_table, sql.snapshot_table)
    if connection.execute(_sql.HAS_TABLE, (_sql.SCHEMA_TABLE,)).fetchone() is None:
        return list(tables)
    versions = dict(connection.execute(_sql.SCHEMA_VERSIONS, tables).fetchall())
    for table, version in versions.items():
        if version != _sql.SCHEMA_VERSION:
            raise CorruptJournalError(
                f"{path}: table {table} has schema version {version}, and this release knows up to "
                f"{_sql.SCHEMA_VERSION}; upgrade nact-persistence-sqlite"
            )
    return [
        table
        for table in tables
        if table not in versions or connection.execute(_sql.HAS_TABLE, (table,)).fetchone() is None
    ]


def _create(connection: sqlite3.Connection, path: str, sql: Statements, table: str) -> None:
    if connection.execute(_sql.HAS_TABLE, (table,)).fetchone() is not None:
        raise CorruptJournalError(f"{path}: its table {table} wasn't made by nact; choose another name for nact's")
    connection.execute(_sql.CREATE_SCHEMA_TABLE)
    if connection.execute(_sql.SCHEMA_VERSIONS, (table, table)).fetchone() is not None:
        raise CorruptJournalError(
            f"{path}: nact made the table {table} in it, and it was dropped. Restore the file; or, to begin anew, "
            f"delete its row from {_sql.SCHEMA_TABLE}"
        )
    connection.execute(sql.create_event_table if table == sql.event_table else sql.create_snapshot_table)
    connection.execute(_sql.RECORD_VERSION, (table, _sql.SCHEMA_VERSION))
