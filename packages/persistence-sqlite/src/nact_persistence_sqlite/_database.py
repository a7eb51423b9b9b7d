"""The file, and one thread's connection to it."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import quote

from nact.errors import EngineUnavailableError
from nact_persistence_sqlite import _schema
from nact_persistence_sqlite._errors import is_busy, translated
from nact_persistence_sqlite._sql import Statements


@dataclass(slots=True)
class File:
    """Which file, and how to open it. Shared by the engine's two connections."""

    path: str
    sql: Statements
    synchronous: str
    busy_timeout: float
    create: bool


class Database:
    """A connection that is opened when it is needed, closed by whatever goes wrong, and then opened again.

    `with database as connection:` gives the connection to the file that has this name now. Used by one thread only.

    Raises:
        EngineUnavailableError: See `translated`. The connection was closed, and what it hadn't committed is undone.
        CorruptJournalError: Likewise.
    """

    def __init__(self, file: File, *, writes: bool) -> None:
        self._file = file
        self._writes = writes
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)

    def __enter__(self) -> sqlite3.Connection:
        try:
            if self._connection is None:
                self._connection = self._open()
            else:
                self._check_unmoved()
        except BaseException as error:
            self._give_up(error)
            raise
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._give_up(error)

    def _give_up(self, error: BaseException) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            raise translated(self._file.path, error) from error

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        mode = "rwc" if self._writes and self._file.create else "rw"
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(self._file.path))}?mode={mode}",
            uri=True,
            isolation_level=None,  # transactions are ours
            timeout=self._file.busy_timeout,
        )
        try:
            if self._writes:
                self._prepare_to_write(connection)
            else:
                connection.execute("PRAGMA query_only = ON")
                connection.text_factory = bytes  # text that isn't UTF-8 is found where it is decoded
            self._identity = _identity(self._file.path)
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
        """Several starters that change the mode at once get in each other's way, and SQLite doesn't wait for them."""
        deadline = time.monotonic() + self._file.busy_timeout
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
                outcome_known=True,
            )

    def _check_unmoved(self) -> None:
        """SQLite itself goes on writing to a file that was deleted or replaced; what it writes is lost."""
        if _identity(self._file.path) != self._identity:
            raise EngineUnavailableError(
                f"{self._file.path}: another file took the place of the one that was open", outcome_known=True
            )


def _identity(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - before every write
    except OSError as error:
        raise EngineUnavailableError(
            f"{path}: the file isn't there any more; put it back ({error.strerror})", outcome_known=True
        ) from error
    return status.st_dev, status.st_ino
