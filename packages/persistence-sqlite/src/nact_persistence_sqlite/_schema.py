"""The tables: made once, by whoever comes first, and checked by everybody else."""

from __future__ import annotations

import sqlite3

from nact.errors import CorruptJournalError, EngineUnavailableError
from nact_persistence_sqlite import _sql
from nact_persistence_sqlite._sql import Statements


def prepare(connection: sqlite3.Connection, path: str, sql: Statements, *, create: bool) -> None:
    """Makes the tables that are missing, if `create`, and the columns that tables of earlier releases lack.

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
    connection.execute("BEGIN IMMEDIATE")  # one starter at a time; the others find the tables made
    for table in _missing(connection, path, sql):
        _create(connection, path, sql, table)
    if not _is_complete(connection, sql):
        connection.execute(sql.add_snapshot_event_id)
    connection.execute("COMMIT")


def _is_complete(connection: sqlite3.Connection, sql: Statements) -> bool:
    return connection.execute(_sql.HAS_COLUMN, (sql.snapshot_table, "event_id")).fetchone() is not None


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
    for statement in sql.create_event_table if table == sql.event_table else sql.create_snapshot_table:
        connection.execute(statement)
    connection.execute(_sql.RECORD_VERSION, (table, _sql.SCHEMA_VERSION))
