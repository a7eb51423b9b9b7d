"""Opens a journal: connects, finds or makes the tables, and tells what was deleted last."""

from __future__ import annotations

from dataclasses import dataclass

from nact.errors import EngineUnavailableError
from nact_persistence_postgres import _schema
from nact_persistence_postgres._errors import OVERTAKEN, translated
from nact_persistence_postgres._lane import Lane
from nact_persistence_postgres._seen import Seen
from nact_persistence_postgres._sessions import Sessions
from nact_persistence_postgres._settings import Settings
from nact_persistence_postgres._snapshots import SnapshotWriter
from nact_persistence_postgres._sql import Statements
from nact_persistence_postgres._tables import Tables
from nact_persistence_postgres._writer import Writer


@dataclass(slots=True)
class Journal:
    """An open journal, and what writes to it."""

    tables: Tables
    seen: Seen
    lanes: tuple[Lane, Lane]
    writer: Writer
    snapshots: SnapshotWriter


async def open_journal(sessions: Sessions, settings: Settings) -> Journal:
    """The journal, ready for use.

    Raises:
        EngineUnavailableError: The server can't be reached, or the tables aren't there. Nothing is left open.
        CorruptJournalError: There is something else in place of the tables.
    """
    sql = Statements(settings.schema, settings.event_table, settings.snapshot_table)
    tables, last_deletion, is_pooled = await _looked(sessions, settings, sql)
    await sessions.open(is_pooled=is_pooled)
    seen = Seen(last_deletion)
    lanes = Lane(sessions, tables.append_one if tables.remembers else None), Lane(sessions)
    return Journal(tables, seen, lanes, Writer(tables, lanes[0], seen), SnapshotWriter(tables, lanes[1]))


async def _looked(sessions: Sessions, settings: Settings, sql: Statements) -> tuple[Tables, int, bool]:
    trying = sessions.trying()
    while True:
        try:
            with translated(sessions.name, connecting=True):
                return await _look(sessions, settings, sql)
        except OVERTAKEN as error:
            overtaken = EngineUnavailableError(f"{sessions.name}: others alter its tables: {error}", outcome_known=True)
            overtaken.__cause__ = error
            await trying.again(overtaken)
        except EngineUnavailableError as error:
            await trying.again(error)


async def _look(sessions: Sessions, settings: Settings, sql: Statements) -> tuple[Tables, int, bool]:
    async with sessions.first_connection() as connection:
        cache = settings.statement_cache_size
        # A statement cache that was asked for says that the pooler, if there is one, knows about prepared statements.
        is_pooled = cache == 0 or (cache is None and await _schema.is_behind_pooler(connection))
        tables = await _schema.opened(connection, sql, sessions.name, create=settings.create, is_pooled=is_pooled)
        async with connection.transaction():
            last_deletion = await connection.fetchval(sql.last_deletion) if tables.remembers else 0
        return tables, last_deletion, is_pooled
