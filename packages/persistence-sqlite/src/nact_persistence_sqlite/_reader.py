"""Reads on the reader thread. Each call is one short read of the latest state, and leaves nothing open."""

from __future__ import annotations

from typing import NamedTuple

from nact.errors import CorruptJournalError
from nact_persistence_sqlite._database import Database
from nact_persistence_sqlite._rows import StoredEvent, StoredSnapshot
from nact_persistence_sqlite._sql import Statements

_PAGE_BYTES = 1024 * 1024


class Page(NamedTuple):
    """Events of a key from the number after `after` on, and a mark on the last page."""

    after: int
    rows: list[StoredEvent]
    is_last: bool


class Reader:
    """The work of the reader thread."""

    def __init__(self, database: Database, sql: Statements) -> None:
        self._database = database
        self._sql = sql

    def expect(self) -> None:
        """Counts a call that was given to the thread: one check of the files serves those that wait together."""
        self._database.asked += 1

    def page(self, key: str, after: int, count: int) -> Page:
        """Up to `count` events above `after`. A page ends early with the event that fills it."""
        rows: list[StoredEvent] = []
        room = _PAGE_BYTES
        with self._database as connection:
            cursor = connection.execute(self._sql.page, (key, after, count))
            for row in cursor:
                rows.append(row)
                room -= len(row[1]) if type(row[1]) is bytes else 0
                if row[6] is not None:
                    room -= len(row[6]) if type(row[6]) is bytes else 0
                if room <= 0:
                    break
            cursor.close()
        return Page(after, rows, is_last=room > 0 and len(rows) < count)

    def highest(self, key: str) -> int:
        with self._database as connection:
            return connection.execute(self._sql.highest, (key,)).fetchone()[0] or 0

    def snapshot(self, key: str, up_to: int) -> StoredSnapshot | None:
        with self._database as connection:
            row: StoredSnapshot | None = connection.execute(self._sql.latest_snapshot, (key, up_to)).fetchone()
            return row

    def keys(self, start: str, inclusive: bool, count: int) -> list[str]:
        """Up to `count` keys, beginning with `start`, in the order of their bytes."""
        with self._database as connection:
            rows = connection.execute(self._sql.keys, (inclusive, start, start, count)).fetchall()
        try:
            return [row[0].decode() for row in rows]
        except UnicodeDecodeError as error:
            raise CorruptJournalError(f"there is a key that isn't text: {error.object!r}") from error

    def close(self) -> None:
        self._database.close()
