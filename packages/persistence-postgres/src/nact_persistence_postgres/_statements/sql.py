"""The SQL that runs on the journal's tables. Identifiers are quoted; values are parameters."""

# ruff: noqa: S608 - what is put into these texts is a quoted identifier

from __future__ import annotations

from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

JsonType: TypeAlias = Literal["json", "jsonb"]


class ColumnTypes(NamedTuple):
    """The types of a table's columns, as far as tables differ."""

    data: JsonType
    metadata: JsonType


_TAGGED = "AND tags @> $5::text[] AND NOT is_deleted "

_SIZE = "pg_column_size(data) + coalesce(pg_column_size(metadata), 0)"
_SMALL_DATA = f"CASE WHEN {_SIZE} <= $4 THEN data::text END"
_SMALL_METADATA = "CASE WHEN pg_column_size(metadata) <= $4 THEN metadata::text END"


class Statements:
    """The statements for one pair of tables.

    Columns are named and cast, never `*`: a column added later, or a codec set on the user's pool, changes nothing.

    Lists of numbers are given as text, `1,2,3` (`rows.listed`): of arrays asyncpg knows those of text only. About any
    others each new connection would have to ask the server first, which takes it 10 ms.
    """

    def __init__(self, schema: str | None, event_table: str, snapshot_table: str) -> None:
        self.schema = schema
        self.events = qualified(schema, event_table)
        self.snapshots = qualified(schema, snapshot_table)

    # --- writing ---------------------------------------------------------------------------------------------

    def append(self, types: ColumnTypes, *, remembers: bool) -> str:
        """Inserts rows that follow one another in runs: consecutive numbers of one key.

        $8 and $9 name the runs, by key and first number, of which it has to be checked that they are next; none of
        the others' rows are. With `remembers`, nothing at all is taken if events were deleted since the engine last
        looked (see `last_deletion`), or if one of the rows ($11, $12) that the other runs follow is gone.
        """
        highest = f"(SELECT max(sequence_nr) FROM {self.events} WHERE persistence_key = h.key)"
        unchanged = f"({self.last_deletion}) = $10 AND {self._all_there(11, 12)} AND " if remembers else ""
        # The subqueries don't depend on the row, so they run once, and before there are rows of this statement.
        return (
            f"INSERT INTO {self.events} (persistence_key, sequence_nr, created_at, data, tags, event_id, metadata) "
            f"SELECT g.key, g.number, g.created_at, g.data::{types.data}, g.tags::text[], g.event_id, "
            f"g.metadata::{types.metadata} "
            f"FROM unnest($1::text[], {_numbers(2)}, {_numbers(3)}, $4::text[], $5::text[], $6::text[], $7::text[]) "
            "AS g(key, number, created_at, data, tags, event_id, metadata) "
            f"WHERE {unchanged}(g.key NOT IN (SELECT unnest($8::text[])) OR g.key IN ("
            f"SELECT h.key FROM unnest($8::text[], {_numbers(9)}) AS h(key, first) "
            f"WHERE h.first - 1 = coalesce({highest}, 0)))"
        )

    def append_plain(self, types: ColumnTypes) -> str:
        """Inserts rows without tags and metadata that are known to be next, unless events were deleted since.

        The statement for the usual batch.

        $7 and $8 name the rows that they follow.
        """
        return (
            f"INSERT INTO {self.events} (persistence_key, sequence_nr, created_at, data, tags, event_id) "
            f"SELECT g.key, g.number, g.created_at, g.data::{types.data}, '{{}}', g.event_id "
            f"FROM unnest($1::text[], {_numbers(2)}, {_numbers(3)}, $4::text[], $5::text[]) "
            "AS g(key, number, created_at, data, event_id) "
            f"WHERE ({self.last_deletion}) = $6 AND {self._all_there(7, 8)}"
        )

    def append_one(self, types: ColumnTypes) -> str:
        """Inserts a row that is known to be next, unless events were deleted since: `append`, planned only once."""
        return (
            f"INSERT INTO {self.events} (persistence_key, sequence_nr, created_at, data, tags, event_id, metadata) "
            f"SELECT $1, $2::bigint, $3, $4::text::{types.data}, $5::text::text[], $6, $7::text::{types.metadata} "
            f"WHERE ({self.last_deletion}) = $8 AND ($2::bigint = 1 OR EXISTS ("
            f"SELECT FROM {self.events} WHERE persistence_key = $1 AND sequence_nr = $2::bigint - 1))"
        )

    def _all_there(self, keys: int, numbers: int) -> str:
        """A condition: none of these rows is gone, as after a TRUNCATE under an open engine.

        The scalar subquery makes it one step in the index for each, even where the planner took the table for empty.
        """
        return (
            f"NOT EXISTS (SELECT FROM unnest(${keys}::text[], {_numbers(numbers)}) AS p(key, number) WHERE ("
            f"SELECT 1 FROM {self.events} WHERE persistence_key = p.key AND sequence_nr = p.number LIMIT 1) IS NULL)"
        )

    @cached_property
    def last_deletion(self) -> str:
        """A number that each deletion changes: tombstones are new rows, and deletions take turns."""
        return f"SELECT coalesce(max(ordering), 0) FROM {self.events} WHERE is_deleted"

    @cached_property
    def states(self) -> str:
        """For each (key, number): true if there is such a row, its event_id, and the key's highest number."""
        return (
            "SELECT e.sequence_nr IS NOT NULL AS found, e.event_id, "
            f"coalesce((SELECT max(sequence_nr) FROM {self.events} WHERE persistence_key = g.key), 0) AS highest "
            f"FROM unnest($1::text[], {_numbers(2)}) WITH ORDINALITY AS g(key, number, place) "
            f"LEFT JOIN {self.events} e ON e.persistence_key = g.key AND e.sequence_nr = g.number ORDER BY g.place"
        )

    def put_snapshots(self, types: ColumnTypes, *, replaces: bool) -> str:
        """Puts snapshots in their places. Without the privilege to delete, they are added, and the last one counts."""
        replace = (
            f"WITH replaced AS (DELETE FROM {self.snapshots} s USING unnest($1::text[], {_numbers(2)}) "
            "AS g(key, number) WHERE s.persistence_key = g.key AND s.sequence_nr = g.number) "
        )
        return (
            f"{replace if replaces else ''}"
            f"INSERT INTO {self.snapshots} (persistence_key, sequence_nr, created_at, data, event_id, metadata) "
            f"SELECT g.key, g.number, g.created_at, g.data::{types.data}, g.event_id, g.metadata::{types.metadata} "
            f"FROM unnest($1::text[], {_numbers(2)}, {_numbers(3)}, $4::text[], $5::text[], $6::text[]) "
            "AS g(key, number, created_at, data, event_id, metadata)"
        )

    @cached_property
    def delete_snapshots(self) -> str:
        return f"DELETE FROM {self.snapshots} WHERE persistence_key = $1 AND sequence_nr <= $2"

    # --- beginning a journal with a tombstone ------------------------------------------------------------------

    def begin(self, types: ColumnTypes) -> str:
        """Inserts a placeholder at number 1, and then a tombstone, for a key without records."""
        return (
            f"INSERT INTO {self.events} (persistence_key, sequence_nr, created_at, data, is_deleted, tags, event_id) "
            f"SELECT $1, g.number, $3, 'null'::{types.data}, true, '{{}}', $4 "
            "FROM (SELECT 1::bigint UNION SELECT $2::bigint ORDER BY 1) AS g(number) "
            f"WHERE NOT EXISTS (SELECT FROM {self.events} WHERE persistence_key = $1)"
        )

    @cached_property
    def has_placeholder(self) -> str:
        return f"SELECT EXISTS (SELECT {self._placeholder})"

    @cached_property
    def remove_placeholder(self) -> str:
        return f"DELETE {self._placeholder}"

    @property
    def _placeholder(self) -> str:
        """Not a tombstone that a deletion has put there since: that one has a higher `ordering`."""
        return (
            f"FROM {self.events} WHERE persistence_key = $1 AND sequence_nr = 1 AND is_deleted AND event_id = $3 "
            f"AND ordering < (SELECT ordering FROM {self.events} "
            "WHERE persistence_key = $1 AND sequence_nr = $2 AND is_deleted AND event_id = $3)"
        )

    # --- deleting --------------------------------------------------------------------------------------------

    @cached_property
    def to_delete(self) -> str:
        """The first and the last number to delete, and true if only a tombstone is left of them."""
        return (
            "SELECT first, last, first = last AND is_deleted AND data::text = 'null' AND metadata IS NULL FROM ("
            f"SELECT min(sequence_nr) AS first, max(sequence_nr) AS last FROM {self.events} "
            "WHERE persistence_key = $1 AND sequence_nr <= $2) bounds "
            f"JOIN {self.events} e ON e.persistence_key = $1 AND e.sequence_nr = bounds.last"
        )

    @cached_property
    def next_to_bury(self) -> str:
        return (
            f"SELECT coalesce((SELECT sequence_nr FROM {self.events} WHERE persistence_key = $1 AND sequence_nr <= $2 "
            "ORDER BY sequence_nr OFFSET $3 LIMIT 1), $2)"
        )

    @cached_property
    def take_out(self) -> str:
        return (
            f"DELETE FROM {self.events} WHERE persistence_key = $1 AND sequence_nr = $2 RETURNING created_at, event_id"
        )

    @cached_property
    def delete_below(self) -> str:
        return f"DELETE FROM {self.events} WHERE persistence_key = $1 AND sequence_nr < $2"

    def bury(self, types: ColumnTypes) -> str:
        """Puts a tombstone in the place of an event: a new row, with an `ordering` that `last_deletion` tells."""
        return (
            f"INSERT INTO {self.events} (persistence_key, sequence_nr, created_at, data, is_deleted, tags, event_id) "
            f"VALUES ($1, $2, $3, 'null'::{types.data}, true, '{{}}', $4)"
        )

    # --- reading ---------------------------------------------------------------------------------------------

    def page(self, *, tagged: bool) -> str:
        """Events after a number, up to a count. One of more than $4 bytes, as stored, comes with a null for data."""
        return (
            f"SELECT sequence_nr, {_SMALL_DATA}, created_at, is_deleted, nullif(tags, '{{}}'), event_id, "
            f"{_SMALL_METADATA} FROM {self.events} WHERE persistence_key = $1 AND sequence_nr > $2 "
            f"{_TAGGED if tagged else ''}ORDER BY sequence_nr LIMIT $3"
        )

    @cached_property
    def first_pages(self) -> str:
        """For each (key, number, count), `page` without tags. The last column is the place of the question."""
        return (
            f"SELECT e.*, g.place FROM unnest($1::text[], {_numbers(2)}, {_numbers(3)}) WITH ORDINALITY "
            "AS g(key, after, size, place) CROSS JOIN LATERAL ("
            f"SELECT sequence_nr, {_SMALL_DATA}, created_at, is_deleted, nullif(tags, '{{}}'), event_id, "
            f"{_SMALL_METADATA} FROM {self.events} "
            "WHERE persistence_key = g.key AND sequence_nr > g.after ORDER BY sequence_nr LIMIT g.size"
            ") AS e(number) ORDER BY g.place, e.number"
        )

    def page_of_large(self, *, tagged: bool) -> str:
        """Events after a number, up to a count and up to the one that brings their stored size to $4 bytes."""
        return (
            "SELECT sequence_nr, data::text, created_at, is_deleted, nullif(tags, '{}'), event_id, metadata::text "
            f"FROM (SELECT *, sum({_SIZE}) OVER (ORDER BY sequence_nr ROWS UNBOUNDED PRECEDING) AS size "
            f"FROM {self.events} WHERE persistence_key = $1 AND sequence_nr > $2 {_TAGGED if tagged else ''}"
            f"ORDER BY sequence_nr LIMIT $3) page WHERE size - ({_SIZE}) < $4"
        )

    @cached_property
    def highest(self) -> str:
        return f"SELECT coalesce(max(sequence_nr), 0) FROM {self.events} WHERE persistence_key = $1"

    @cached_property
    def latest_snapshot(self) -> str:
        return (
            f"SELECT sequence_nr, data::text, created_at, event_id, metadata::text FROM {self.snapshots} "
            "WHERE persistence_key = $1 AND sequence_nr <= $2 AND NOT is_deleted "
            "ORDER BY sequence_nr DESC, ordering DESC LIMIT 1"
        )

    @cached_property
    def latest_snapshots(self) -> str:
        """For each (key, number), `latest_snapshot`. The last column is the place of the question."""
        return (
            f"SELECT s.*, g.place FROM unnest($1::text[], {_numbers(2)}) WITH ORDINALITY AS g(key, up_to, place) "
            "CROSS JOIN LATERAL (SELECT sequence_nr, data::text, created_at, event_id, metadata::text "
            f"FROM {self.snapshots} "
            "WHERE persistence_key = g.key AND sequence_nr <= g.up_to AND NOT is_deleted "
            "ORDER BY sequence_nr DESC, ordering DESC LIMIT 1) AS s ORDER BY g.place"
        )

    def keys(self, *, inclusive: bool) -> str:
        """Keys in the column's order from $1 on. It takes one step in the index for each key, not for each event."""
        comparison = ">=" if inclusive else ">"
        least = f"SELECT persistence_key::text FROM {self.events} WHERE persistence_key"
        return (
            f"WITH RECURSIVE k(key) AS (({least} {comparison} $1 ORDER BY persistence_key LIMIT 1) UNION ALL "
            f"SELECT ({least} > k.key ORDER BY persistence_key LIMIT 1) FROM k WHERE k.key IS NOT NULL) "
            "SELECT key FROM k WHERE key IS NOT NULL LIMIT $2"
        )


def _numbers(parameter: int) -> str:
    return f"string_to_array(${parameter}::text, ',')::bigint[]"


def qualified(schema: str | None, table: str) -> str:
    return quoted(table) if schema is None else f"{quoted(schema)}.{quoted(table)}"


def quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
