"""The statements that make the tables and bring those of nact for JavaScript up to date, without rewriting rows.

New tables are those of nact for JavaScript (nact-persistence-postgres 8), which can go on using them, and more:

- `data` is `json`, which keeps the text as it is; `jsonb` alters numbers and refuses U+0000.
- `persistence_key` is `text`, without a bound on its length, and compared by code points.
- `event_id` makes a retry recognisable. Older events have none. In the table of snapshots it names the event on which a
  snapshot stands.
- `metadata` is of the same type as `data`, and null where there is none, as in all older rows.
- `transaction_id` is the transaction that wrote the row. A reader of all keys needs it for an order in which nothing
  appears late. Events that are older than the column have none.
- There are two more indexes, over the tombstones, of which there are few, and over the places of snapshots.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from nact_persistence_postgres._connections.connection import Connection, in_transaction
from nact_persistence_postgres._connections.errors import keeps_connection
from nact_persistence_postgres._schema.catalog import Table
from nact_persistence_postgres._statements.sql import Statements, quoted

TOMBSTONE_INDEX = (("ordering",), "is_deleted")
SNAPSHOT_INDEX = (("persistence_key", "sequence_nr"), None)

_LOCK_CLASS = 1_315_004_244  # "NACT", in ASCII
_UNLOCK = "SELECT pg_advisory_unlock($1, hashtext($2))"
_LOCK_TIMEOUT = "3s"
"""A change waits this long for its lock, since writers queue after it. Then it is tried again later."""


def missing(events: Table, snapshots: Table) -> bool:
    """Whether a table or a column has to be made, or this role could improve one."""
    if not (events.exists and snapshots.exists):
        return True
    return bool(_changes_to_events(events) or _changes_to_snapshots(snapshots))


def missing_indexes(sql: Statements, events: Table, snapshots: Table) -> list[tuple[str, str | None]]:
    """The indexes to be built: the definition of each, and the name of an unfinished one in its place."""
    wanted = []
    if events.may_alter and not events.has_index(*TOMBSTONE_INDEX):
        wanted.append((tombstone_index(sql), events.unfinished_index(*TOMBSTONE_INDEX)))
    if snapshots.may_alter and not snapshots.has_index(*SNAPSHOT_INDEX):
        wanted.append((snapshot_index(sql), snapshots.unfinished_index(*SNAPSHOT_INDEX)))
    return wanted


async def lock(connection: Connection, sql: Statements) -> None:
    """Waits until no other engine changes these tables, up to the end of the transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", _LOCK_CLASS, sql.events)
    await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")


async def make(connection: Connection, sql: Statements, events: Table, snapshots: Table) -> None:
    """Makes tables and columns, in the transaction that holds the lock. Changes to a table rewrite none of its rows."""
    if sql.schema is not None and not (events.exists and snapshots.exists):
        exists = await connection.fetchval("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", sql.schema)
        if not exists:
            await connection.execute(f"CREATE SCHEMA {quoted(sql.schema)}")
    if not events.exists:
        await connection.execute(event_table(sql))
        await connection.execute(f"CREATE {tombstone_index(sql)}")
    elif changes := _changes_to_events(events):
        await connection.execute(f"ALTER TABLE {sql.events} {', '.join(changes)}")
    if not snapshots.exists:
        await connection.execute(snapshot_table(sql))
        await connection.execute(f"CREATE {snapshot_index(sql)}")
    elif changes := _changes_to_snapshots(snapshots):
        await connection.execute(f"ALTER TABLE {sql.snapshots} {', '.join(changes)}")


async def build_indexes(
    connection: Connection, sql: Statements, look: Callable[[], Awaitable[tuple[Table, Table]]], *, has_pooler: bool
) -> None:
    """Builds indexes on tables that are written to meanwhile. Does nothing while another engine builds them.

    It tries the lock and doesn't wait for it: a waiting session holds a snapshot, and the building of an index waits
    for the end of each snapshot. It looks again with the lock in hand: another engine may have finished just before.
    """
    if has_pooler:
        await in_transaction(connection, "BEGIN", partial(_build_while_writers_wait, sql=sql, look=look))
        return
    place = _LOCK_CLASS + 1, sql.events
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1, hashtext($2))", *place):
        return
    try:
        for definition, unfinished in missing_indexes(sql, *await look()):
            if unfinished is not None:
                await connection.execute(f"DROP INDEX CONCURRENTLY {unfinished}")
            await connection.execute(f"CREATE {definition.replace('INDEX', 'INDEX CONCURRENTLY', 1)}")
    except Exception as error:
        if keeps_connection(error):
            await connection.execute(_UNLOCK, *place)
        raise
    await connection.execute(_UNLOCK, *place)


async def _build_while_writers_wait(
    connection: Connection, sql: Statements, look: Callable[[], Awaitable[tuple[Table, Table]]]
) -> None:
    await lock(connection, sql)
    for definition, unfinished in missing_indexes(sql, *await look()):
        if unfinished is None:
            await connection.execute(f"CREATE {definition}")


def event_table(sql: Statements) -> str:
    return f"""CREATE TABLE {sql.events} (
  ordering bigserial PRIMARY KEY,
  persistence_key text COLLATE "C" NOT NULL,
  sequence_nr bigint NOT NULL,
  created_at bigint NOT NULL,
  data json NOT NULL,
  is_deleted boolean NOT NULL DEFAULT false,
  tags text[] DEFAULT '{{}}',
  event_id text,
  transaction_id xid8 DEFAULT pg_current_xact_id(),
  metadata json,
  UNIQUE (persistence_key, sequence_nr)
)"""


def snapshot_table(sql: Statements) -> str:
    return f"""CREATE TABLE {sql.snapshots} (
  ordering bigserial PRIMARY KEY,
  persistence_key text COLLATE "C" NOT NULL,
  sequence_nr bigint NOT NULL,
  created_at bigint NOT NULL,
  data json NOT NULL,
  is_deleted boolean NOT NULL DEFAULT false,
  event_id text,
  metadata json
)"""


def tombstone_index(sql: Statements) -> str:
    return f"INDEX ON {sql.events} (ordering) WHERE is_deleted"


def snapshot_index(sql: Statements) -> str:
    return f"INDEX ON {sql.snapshots} (persistence_key, sequence_nr)"


def _changes_to_events(table: Table) -> list[str]:
    changes = _changes_to_keys(table)
    if table.may_alter and "event_id" not in table.columns:
        changes.append("ADD COLUMN event_id text")
    changes += _metadata_column(table)
    if table.may_alter and "transaction_id" not in table.columns:
        # In two steps: a column that begins with a default that varies would have all rows rewritten.
        changes += [
            "ADD COLUMN transaction_id xid8",
            "ALTER COLUMN transaction_id SET DEFAULT pg_current_xact_id()",
        ]
    return changes


def _changes_to_snapshots(table: Table) -> list[str]:
    changes = _changes_to_keys(table)
    if table.may_alter and table.exists and "event_id" not in table.columns:
        changes.append("ADD COLUMN event_id text")
    changes += _metadata_column(table)
    return changes


def _metadata_column(table: Table) -> list[str]:
    if table.may_alter and table.exists and "metadata" not in table.columns:
        return [f"ADD COLUMN metadata {table.columns['data'].type}"]
    return []


def _changes_to_keys(table: Table) -> list[str]:
    key = table.columns.get("persistence_key")
    if table.may_alter and not table.has_views and key is not None and key.modifier >= 0:
        return ["ALTER COLUMN persistence_key TYPE text"]
    return []
