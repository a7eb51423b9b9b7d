"""The two tables of a journal as they were found or made, and the statements that fit them."""

from __future__ import annotations

from dataclasses import dataclass, field

import asyncpg

from nact_persistence_postgres._statements.rows import RowMaker
from nact_persistence_postgres._statements.sql import ColumnTypes, Statements


@dataclass(slots=True, kw_only=True)
class Tables:
    """The tables as they are in this database, and the statements that fit them.

    Attributes:
        sql: The statements that are the same for all tables.
        remembers: There is an index that tells the last deletion, so the engine can rely on what it saw stored.
        own_keys: The names of the unique indexes over key and sequence number.
        numbering_keys: The names of the unique indexes over `ordering`.
        is_sorted_by_code_point: Keys that begin alike stand side by side.
        rows: Makes the rows to store.
        append_one: Inserts one row that is known to be next; guarded by the last deletion.
        append_plain: Inserts rows without tags and metadata that are known to be next; guarded by the last deletion.
        append: Inserts rows that are known to be next, and checks the others; guarded by the last deletion.
        append_checked: Inserts rows, and checks each.
        begin: Inserts the tombstone with which a journal begins.
    """

    sql: Statements
    event_types: ColumnTypes
    snapshot_types: ColumnTypes
    max_key_characters: int | None
    remembers: bool
    is_sorted_by_code_point: bool
    may_delete_events: bool
    may_delete_snapshots: bool
    own_keys: frozenset[str]
    numbering_keys: frozenset[str]
    rows: RowMaker = field(init=False)
    append_one: str = field(init=False)
    append_plain: str = field(init=False)
    append: str = field(init=False)
    append_checked: str = field(init=False)
    begin: str = field(init=False)
    put_snapshots: str = field(init=False)

    def __post_init__(self) -> None:
        self.rows = RowMaker(
            events=self.event_types, snapshots=self.snapshot_types, max_key_characters=self.max_key_characters
        )
        self.append_one = self.sql.append_one(self.event_types)
        self.append_plain = self.sql.append_plain(self.event_types)
        self.append = self.sql.append(self.event_types, remembers=True)
        self.append_checked = self.sql.append(self.event_types, remembers=False)
        self.begin = self.sql.begin(self.event_types)
        self.put_snapshots = self.sql.put_snapshots(self.snapshot_types, replaces=self.may_delete_snapshots)

    def advice(self, error: Exception) -> str | None:
        """The reason why a table doesn't take a row, where the row isn't to blame; `None` if there is none."""
        name = error.constraint_name if isinstance(error, asyncpg.UniqueViolationError) else None
        if name in self.numbering_keys:
            return "the sequence of a table's column ordering was set back, as a restore of data alone does; see setval"
        if name in self.own_keys:
            return "this role doesn't see the row that has the place; does row security hide it?"
        return None
