"""Translates SQLite's errors to nact's. The class depends on what the caller can do about the error."""

from __future__ import annotations

import sqlite3

from nact.errors import CorruptJournalError, NactError
from nact.persistence.building.errors import engine_unavailable

REFUSED = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError)
"""SQLite raises these for the values of one statement; the transaction goes on."""

_CORRUPT = {
    sqlite3.SQLITE_NOTADB: "it isn't a SQLite database; name another file, or restore it from a backup",
    sqlite3.SQLITE_CORRUPT: "it is damaged (PRAGMA integrity_check tells more); restore it from a backup",
    sqlite3.SQLITE_FORMAT: "its format is unknown; restore it from a backup",
}
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "another connection kept it locked for longer than timeout; end its transaction",
    sqlite3.SQLITE_LOCKED: "another connection kept a table locked; end its transaction",
    sqlite3.SQLITE_FULL: "the disk, or the database's max_page_count, is full; make room",
    sqlite3.SQLITE_READONLY: "it is read-only; let this process write to the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened; its folder must exist, and this process may read and write there",
    sqlite3.SQLITE_PERM: "this process has no permission for it",
    sqlite3.SQLITE_AUTH: "this process has no permission for it",
    sqlite3.SQLITE_NOLFS: "the file system can't hold a file this large",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write it; see the system's log",
    sqlite3.SQLITE_PROTOCOL: "too many connections opened it at once",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
    sqlite3.SQLITE_SCHEMA: "its tables keep changing",
    sqlite3.SQLITE_ERROR: "its tables aren't those that this engine made",
}
# After these the transaction didn't happen, nor can it come back. An I/O error while committing may leave a whole
# transaction in the write-ahead log, which comes to life if the process dies before the next commit.
_NOTHING_STORED = _UNAVAILABLE.keys() - {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM}


def is_busy(error: sqlite3.Error) -> bool:
    return _primary_code(error) == sqlite3.SQLITE_BUSY


def translated(path: str, error: sqlite3.Error) -> NactError:
    """The error of nact for one of SQLite's; it names `path` and what would help.

    `CorruptJournalError` if the file itself is wrong, `EngineUnavailableError` for anything that can pass.
    """
    code = _primary_code(error)
    if code in _CORRUPT:
        return CorruptJournalError(f"{path}: {_CORRUPT[code]} (SQLite: {error})")
    reason = _UNAVAILABLE.get(code, "SQLite failed")
    return engine_unavailable(f"{path}: {reason} (SQLite: {error})", outcome_known=code in _NOTHING_STORED)


def _primary_code(error: sqlite3.Error) -> int:
    """The lowest byte says what happened; those above it (SQLite calls them extended) say where."""
    code: int = getattr(error, "sqlite_errorcode", 0)  # the sqlite3 module's own errors have none
    return code & 0xFF
