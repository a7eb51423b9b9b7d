"""One thread's connection to the file."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import quote

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact_persistence_sqlite import _schema, _sql
from nact_persistence_sqlite._errors import is_busy, translated
from nact_persistence_sqlite._files import Opened, OpenFiles, check_log
from nact_persistence_sqlite._sql import Statements


@dataclass(slots=True)
class File:
    """Names the file, and says how to open it. Shared by the engine's connections."""

    path: str
    sql: Statements
    synchronous: str
    timeout: float
    create: bool
    opened: Opened | None = None
    """The files that the last opening found."""
    is_in_doubt: bool = False
    """True after a failed commit that may have left a whole transaction in the write-ahead log."""


class Database:
    """A connection that is opened when it is needed. Any error closes it, and the next use opens it again.

    `with database as connection:` gives the connection to the file that has this name now. A block that ends without an
    error has committed to that file, and SQLite's locks held throughout. One thread uses it.

    Raises:
        EngineUnavailableError: See `translated` and `OpenFiles`. The connection was closed; uncommitted changes are
            undone.
        CorruptJournalError: Likewise.
    """

    def __init__(self, file: File, *, writes: bool) -> None:
        self._file = file
        self._writes = writes
        self._connection: sqlite3.Connection | None = None
        self._files: OpenFiles | None = None
        self.asked = 0
        """The number of uses that were requested. One check of the files serves all uses that were requested before it.
        While this is 0, each use checks them itself."""
        self._used = self._checked = 0

    def __enter__(self) -> sqlite3.Connection:
        self._used += 1
        try:
            if self._connection is None or self._files is None:
                self._connection = self._open()
            elif self._used > self._checked:
                self._checked = self.asked
                self._files.check_before()
        except BaseException as error:
            self._give_up(error)
            raise
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._give_up(error)
        elif self._files is not None:
            try:
                self._files.check_after(wrote=self._writes)
            except BaseException as wrong:
                self._give_up(wrong)
                raise

    def _give_up(self, error: BaseException) -> None:
        self._abandon()
        if isinstance(error, sqlite3.Error):
            raise translated(self._file.path, error) from error
        if isinstance(error, MemoryError):
            raise OutcomeUnknownError(f"{self._file.path}: there is no memory left") from error

    def close(self) -> None:
        """Closes the connection. The last one that a database has anywhere empties its write-ahead log into it."""
        if self._files is not None:
            self._files.release()
        self._abandon(for_good=True)

    def renew(self) -> None:
        """Closes the connection if its files aren't those that others find."""
        if self._files is not None:
            try:
                self._files.check_before()
            except EngineUnavailableError:
                self._abandon()

    def _abandon(self, *, for_good: bool = False) -> None:
        """Closes the connection. After an error nothing in these files may reach the database any more.

        The error may be that other programs no longer see them.
        """
        connection, files = self._connection, self._files
        self._connection = self._files = None
        if connection is not None:
            if not for_good:
                _leave_the_log(connection)
            connection.close()
        if files is not None and not for_good:
            files.abandon()

    def _open(self) -> sqlite3.Connection:
        if sqlite3.sqlite_version_info < _sql.OLDEST:
            oldest = ".".join(map(str, _sql.OLDEST))
            raise EngineUnavailableError(
                f"{self._file.path}: this Python uses SQLite {sqlite3.sqlite_version}, and {oldest} or later is needed",
            )
        check_log(self._file.path, self._file.opened)
        mode = "rwc" if self._writes and self._file.create else "rw"
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(self._file.path))}?mode={mode}",
            uri=True,
            isolation_level=None,  # transactions are ours
            timeout=self._file.timeout,
        )
        try:
            if self._writes:
                self._prepare_to_write(connection)
            else:
                connection.execute("PRAGMA query_only = ON")
                connection.text_factory = bytes  # text that isn't UTF-8 is found where it is decoded
                connection.execute(_sql.HAS_TABLE, (_sql.SCHEMA_TABLE,)).fetchone()  # opens the other two files
            self._files = OpenFiles(self._file.path)
            self._file.opened = self._files.opened
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare_to_write(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA synchronous = {self._file.synchronous}")
        connection.execute("PRAGMA secure_delete = ON")  # delete_events says "for good"
        self._use_write_ahead_log(connection)
        _schema.prepare(connection, self._file.path, self._file.sql, create=self._file.create)
        self._file.create = False  # a journal that disappears later isn't replaced by an empty one

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """Tries until the timeout: SQLite doesn't wait for another process that changes the mode at the same time."""
        deadline = time.monotonic() + self._file.timeout
        mode = None
        while mode is None:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        if mode != "wal":
            raise EngineUnavailableError(
                f"{self._file.path}: SQLite can't use a write-ahead log here; put it on a local disk",
            )


def _leave_the_log(connection: sqlite3.Connection) -> None:
    """Keeps `close` from copying the write-ahead log into the database. Before Python 3.12 only `Locks` do that."""
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
