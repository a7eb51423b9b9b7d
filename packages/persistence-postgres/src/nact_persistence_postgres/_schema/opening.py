"""Opens the tables: makes them, or brings them up to date while others write, and checks them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import NamedTuple, cast

from nact.errors import CorruptJournalError, EngineUnavailableError
from nact_persistence_postgres._connections.connection import Connection, in_transaction
from nact_persistence_postgres._schema import ddl
from nact_persistence_postgres._schema.catalog import Index, Table, describe
from nact_persistence_postgres._statements.sql import ColumnTypes, JsonType, Statements
from nact_persistence_postgres._statements.tables import Tables

_EVENT_COLUMNS = {
    "ordering": {"int8"},
    "persistence_key": {"varchar", "text"},
    "sequence_nr": {"int8"},
    "created_at": {"int8"},
    "data": {"json", "jsonb"},
    "is_deleted": {"bool"},
    "tags": {"_text"},
    "event_id": {"text"},
    "metadata": {"json", "jsonb"},
}
_SNAPSHOT_COLUMNS = {name: kinds for name, kinds in _EVENT_COLUMNS.items() if name != "tags"}
_ADDED_COLUMNS = ("event_id", "metadata")
_TO_MAKE = 20.0
"""Seconds that are added for changes that wait for locks."""

_PLACE = ("persistence_key", "sequence_nr")


class _Found(NamedTuple):
    events: Table
    snapshots: Table


async def opened(
    connection: Connection, sql: Statements, name: str, *, create: bool, has_pooler: bool, limit: float
) -> Tables:
    """The tables, ready for use. If they are as they should be, it only reads the catalogs and takes no lock.

    Args:
        connection: Used for nothing else meanwhile.
        sql: Names the tables.
        name: Names the database in errors.
        create: Whether to make what is missing.
        has_pooler: Over a pooler there is no session of its own, so indexes are built while writers wait.
        limit: Seconds that reading the catalogs may take. (Building an index has no limit.)

    Raises:
        EngineUnavailableError: Something is missing and isn't to be made.
        CorruptJournalError: There is something else in place of the tables.
    """
    look = partial(_looked, connection, sql, limit)
    found = await look()
    _check_ours(name, sql, found)
    if create:
        if ddl.missing(*found):
            async with asyncio.timeout(limit + _TO_MAKE):
                await in_transaction(connection, "BEGIN", partial(_make, sql=sql, name=name))
            found = await look()
        if ddl.missing_indexes(sql, *found):
            await ddl.build_indexes(connection, sql, lambda: _look(connection, sql), has_pooler=has_pooler)
            found = await look()
    _check_complete(name, sql, found)
    return _tables(sql, found)


async def has_pooler(connection: Connection) -> bool:
    """Whether the backend isn't the one that was connected to, as over a pooler such as PgBouncer."""

    async def backend(connection: Connection) -> int:
        return int(await connection.fetchval("SELECT pg_backend_pid()"))

    return await in_transaction(connection, "BEGIN", backend) != connection.get_server_pid()


async def _make(connection: Connection, sql: Statements, name: str) -> None:
    await ddl.lock(connection, sql)
    found = await _look(connection, sql)
    _check_ours(name, sql, found)
    await ddl.make(connection, sql, *found)


async def _looked(connection: Connection, sql: Statements, limit: float) -> _Found:
    async with asyncio.timeout(limit):
        return await in_transaction(connection, "BEGIN", partial(_look, sql=sql))


async def _look(connection: Connection, sql: Statements) -> _Found:
    return _Found(await describe(connection, sql.events), await describe(connection, sql.snapshots))


def _check_ours(name: str, sql: Statements, found: _Found) -> None:
    """Raises `CorruptJournalError` if there are tables of these names that aren't nact's. Those mustn't be altered."""
    for table, columns, expected in (
        (sql.events, found.events.columns, _EVENT_COLUMNS),
        (sql.snapshots, found.snapshots.columns, _SNAPSHOT_COLUMNS),
    ):
        for column, kinds in expected.items() if columns else ():
            kind = columns[column].type if column in columns else "missing"
            if kind not in kinds and not (kind == "missing" and column in _ADDED_COLUMNS):
                wanted = " or ".join(sorted(kinds))
                raise CorruptJournalError(
                    f"{name}: table {table} isn't nact's: its column {column} is {kind}, not {wanted}"
                )
    if found.events.exists:
        _check_unique(name, sql.events, found.events)


def _check_complete(name: str, sql: Statements, found: _Found) -> None:
    """Raises `EngineUnavailableError` if a table or a column is missing."""
    for table, exists in ((sql.events, found.events.exists), (sql.snapshots, found.snapshots.exists)):
        if not exists:
            raise EngineUnavailableError(
                f"{name}: there is no table {table}; create it, or open the engine once with create_if_not_exists=True",
            )
    for table, columns in ((sql.events, found.events.columns), (sql.snapshots, found.snapshots.columns)):
        for column in _ADDED_COLUMNS:
            if column not in columns:
                kind = columns["data"].type if column == "metadata" else "text"
                raise EngineUnavailableError(
                    f"{name}: table {table} lacks the column {column}; let its owner open the engine once with "
                    f"create_if_not_exists=True, or run: ALTER TABLE {table} ADD COLUMN {column} {kind}",
                )


def _check_unique(name: str, table: str, found: Table) -> None:
    for index in found.indexes:
        if _is_own_key(index):
            return
    raise CorruptJournalError(
        f"{name}: table {table} has no unique key over (persistence_key, sequence_nr), without which it's no journal"
    )


def _is_own_key(index: Index) -> bool:
    return index.is_unique and index.is_valid and index.condition is None and set(index.columns) == set(_PLACE)


def _tables(sql: Statements, found: _Found) -> Tables:
    keys = [table.columns["persistence_key"] for table in (found.events, found.snapshots)]
    return Tables(
        sql=sql,
        event_types=_types(found.events),
        snapshot_types=_types(found.snapshots),
        max_key_characters=min((key.modifier - 4 for key in keys if key.modifier >= 0), default=None),
        remembers=found.events.has_index(*ddl.TOMBSTONE_INDEX),
        is_sorted_by_code_point=keys[0].is_sorted_by_code_point,
        may_delete_events=found.events.may_delete,
        may_delete_snapshots=found.snapshots.may_delete,
        own_keys=frozenset(index.bare_name for index in found.events.indexes if _is_own_key(index)),
        numbering_keys=frozenset(
            index.bare_name
            for table in found
            for index in table.indexes
            if index.is_unique and index.columns == ("ordering",)
        ),
    )


def _types(table: Table) -> ColumnTypes:
    return ColumnTypes(*[cast("JsonType", table.columns[name].type) for name in ("data", "metadata")])
