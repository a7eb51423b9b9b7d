"""The files of an open database: whether their names still lead to them, and whether SQLite's locks on them held.

SQLite notices neither: it goes on writing to files that were renamed or removed. See docs/adr/0046.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

from nact.errors import EngineUnavailableError
from nact_persistence_sqlite._locks import Identity, Locks, open_files

_HELD = "this process closed a descriptor of {name}, which drops SQLite's locks (copy it with SQLite's own backup)"


class Opened(NamedTuple):
    """A database, and the write-ahead log that belongs to it."""

    database: Identity
    log: Identity


def check_log(path: str, before: Opened | None) -> None:
    """Returns if the log beside the file isn't another file's. SQLite can't tell, and would write it into this one.

    Raises:
        EngineUnavailableError: The file was replaced, and the log wasn't.
    """
    if before is None:
        return
    log = os.path.realpath(path) + "-wal"
    with suppress(OSError):
        if Identity.of(os.stat(path)) != before.database and Identity.of(os.stat(log)) == before.log:  # noqa: PTH116
            raise EngineUnavailableError(
                f"{path}: another file took its place, and {log} still is that of the one before. Stop whatever has it "
                "open; then put the old file back, or, if the new one is whole, remove the -wal and the -shm",
                outcome_known=True,
            )


class OpenFiles:
    """What a connection has open: the database, its `-wal` and its `-shm`. Made when SQLite has opened all of them.

    Raises:
        EngineUnavailableError: A name doesn't lead to what this process has open. Nothing is held then.
    """

    def __init__(self, path: str) -> None:
        real = os.path.realpath(path)  # SQLite calls the others after what a link leads to
        self._path = path
        self._names = [(name, _identity(name)) for name in (path, real + "-wal", real + "-shm")]
        self.opened = Opened(self._names[0][1], self._names[1][1])
        self._check_that_they_are_open()
        self._locks = Locks(self._names[0][1], self._names[2][1])
        try:
            self._locks.hold()
        except OSError as error:
            raise EngineUnavailableError(f"{path}: another program locked it ({error})", outcome_known=True) from error

    def check_before(self) -> None:
        """Returns if what is written or read now is in the files that others find.

        Raises:
            EngineUnavailableError: It wouldn't be. Close the connection.
        """
        self._check_names(outcome_known=True)
        if self._locks.were_lost():
            try:
                self._locks.retake()  # nothing of this connection's was under way
            except OSError as error:
                reason = f"{self._path}: this process closed SQLite's descriptors ({error})"
                raise EngineUnavailableError(reason, outcome_known=True) from error

    def check_after(self, *, wrote: bool) -> None:
        """Returns if what was written since `check_before` is in the files that others find, and locked out the others.

        Raises:
            EngineUnavailableError: It may not be. Close the connection.
        """
        if wrote:
            self._check_names(outcome_known=False)
        if self._locks.were_lost():
            raise EngineUnavailableError(_HELD.format(name=self._names[2][0]), outcome_known=not wrote)

    def release(self) -> None:
        """Before the connection is closed because nobody needs it any more."""
        self._locks.release()

    def abandon(self) -> None:
        """After it was closed because something went wrong."""
        self._locks.abandon()

    def _check_names(self, *, outcome_known: bool) -> None:
        for name, identity in self._names:
            try:
                status = os.stat(name)  # noqa: PTH116 - before and after every write
            except OSError as error:
                raise _missing(name, error, outcome_known=outcome_known) from error
            if status.st_ino != identity.number or status.st_dev != identity.device:
                reason = f"{name}: another file took the place of the one that was open"
                raise EngineUnavailableError(reason, outcome_known=outcome_known)
            if status.st_nlink > 1 and outcome_known:
                raise EngineUnavailableError(
                    f"{name}: it has another name, a hard link, and SQLite would keep a log of its own for each; "
                    "remove the other name",
                    outcome_known=True,
                )

    def _check_that_they_are_open(self) -> None:
        """A connection shares `-shm` with the others of this process, which may have one open that was removed."""
        files = open_files()
        for name, identity in self._names:
            if files is not None and identity not in files:
                raise EngineUnavailableError(
                    f"{name}: this process has another file open that had this name; close its other connections to "
                    f"{self._path}, or start it again",
                    outcome_known=True,
                )


def _identity(name: str) -> Identity:
    try:
        return Identity.of(os.stat(name))  # noqa: PTH116 - as above
    except OSError as error:
        raise _missing(name, error, outcome_known=True) from error


def _missing(name: str, error: OSError, *, outcome_known: bool) -> EngineUnavailableError:
    reason = f"{name}: the file isn't there any more; put it back ({error.strerror})"
    return EngineUnavailableError(reason, outcome_known=outcome_known)
