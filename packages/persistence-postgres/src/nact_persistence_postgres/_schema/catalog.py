"""Describes the tables as Postgres's catalogs have them. It takes no lock that others would wait for."""

from __future__ import annotations

from dataclasses import dataclass

from nact_persistence_postgres._connections.connection import Connection

_COLUMNS = """
SELECT a.attname::text, t.typname::text, a.atttypmod,
       coalesce(l.collname IN ('C', 'POSIX') OR l.collprovider = 'd' AND d.datcollate IN ('C', 'POSIX'), false)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
"""

_INDEXES = """
SELECT i.indexrelid::regclass::text, c.relname::text, i.indisunique, i.indisvalid AND i.indisready,
       pg_get_expr(i.indpred, i.indrelid),
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k(attnum, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE k.place <= i.indnkeyatts ORDER BY k.place)
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass($1)
"""

_PRIVILEGES = """
SELECT has_table_privilege(c.oid, 'DELETE'), pg_has_role(c.relowner, 'USAGE'), EXISTS (
  SELECT FROM pg_catalog.pg_depend d
  WHERE d.refobjid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_rewrite'::regclass)
FROM pg_catalog.pg_class c WHERE c.oid = to_regclass($1)
"""

_MOST_CONNECTIONS = """
SELECT least(nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1))
FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
WHERE r.rolname = session_user AND NOT r.rolsuper AND d.datname = pg_catalog.current_database()
"""


@dataclass(slots=True, frozen=True)
class Column:
    type: str
    modifier: int
    """Of a varchar: its length plus 4, or -1 without a length."""
    is_sorted_by_code_point: bool


@dataclass(slots=True, frozen=True)
class Index:
    name: str
    """Quoted, and with its schema where that is needed."""
    bare_name: str
    """As in the server's errors."""
    is_unique: bool
    is_valid: bool
    """False if building it was interrupted or isn't done yet."""
    condition: str | None
    columns: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Table:
    """A table, as the catalogs describe it. One that doesn't exist has no columns."""

    columns: dict[str, Column]
    indexes: tuple[Index, ...]
    may_delete: bool
    may_alter: bool
    has_views: bool
    """Views use the table, so the types of its columns can't be changed."""

    @property
    def exists(self) -> bool:
        return bool(self.columns)

    def has_index(self, columns: tuple[str, ...], condition: str | None = None) -> bool:
        return any(
            index.is_valid and index.columns == columns and index.condition == condition for index in self.indexes
        )

    def unfinished_index(self, columns: tuple[str, ...], condition: str | None = None) -> str | None:
        for index in self.indexes:
            if not index.is_valid and index.columns == columns and index.condition == condition:
                return index.name
        return None


async def describe(connection: Connection, table: str) -> Table:
    """The table of this (quoted) name. Call it in a transaction: over a pooler, only that has one connection."""
    columns = await connection.fetch(_COLUMNS, table)
    indexes = await connection.fetch(_INDEXES, table)
    privileges = await connection.fetchrow(_PRIVILEGES, table)
    may_delete, may_alter, has_views = privileges or (False, False, False)
    return Table(
        columns={name: Column(kind, modifier, by_code_point) for name, kind, modifier, by_code_point in columns},
        indexes=tuple(
            Index(name, bare_name, unique, valid, condition, tuple(names))
            for name, bare_name, unique, valid, condition, names in indexes
        ),
        may_delete=may_delete,
        may_alter=may_alter,
        has_views=has_views,
    )


async def most_connections(connection: Connection) -> int | None:
    """The most connections that this role may have to this database at once; `None` if there is no limit."""
    most: int | None = await connection.fetchval(_MOST_CONNECTIONS)
    return most
