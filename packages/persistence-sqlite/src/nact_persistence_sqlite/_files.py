"""The files of an open database: whether their names still lead to them, and whether SQLite's locks on them held.

SQLite notices neither: it goes on writing to files that were renamed or removed. See docs/adr/0046.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import NamedTuple

from nact.errors import EngineUnavailableError
from nact.persistence.building.errors import engine_unavailable
from nact_persistence_sqlite._file_names import Identity, Names
from nact_persistence_sqlite._locks import Locks, open_files

_HELD = "this process closed a descriptor of {name}-shm, which drops SQLite's locks (copy it with SQLite's own backup)"

_STILL_TRUE = 0.0002
"""For so many seconds the look after a write does for the one before the next. That one is there so that little is
written in vain; the look after the write decides."""


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
            )


class OpenFiles:
    """What a connection has open: the database, its `-wal` and its `-shm`. Made when SQLite has opened all of them.

    Raises:
        EngineUnavailableError: A name doesn't lead to what this process has open. Nothing is held then.
    """

    def __init__(self, path: str) -> None:
        real = os.path.realpath(path)  # SQLite calls the others after what a link leads to
        self._path = path
        names = (path, real + "-wal", real + "-shm")
        self._names = Names(names)
        database, log, shared_memory = self._names.identities()
        self.opened = Opened(database, log)
        self._names.check(outcome_known=True)
        self._check_that_they_are_open(names)
        self._looked_at = 0.0
        self._locks = Locks(database, shared_memory)
        try:
            self._locks.hold()
        except OSError as error:
            raise EngineUnavailableError(f"{path}: another program locked it ({error})") from error

    def check_before(self) -> None:
        """Returns if what is written or read now is in the files that others find.

        Raises:
            EngineUnavailableError: It wouldn't be. Close the connection.
        """
        if monotonic() < self._looked_at + _STILL_TRUE:
            return
        self._names.check(outcome_known=True)
        if self._locks.were_lost():
            try:
                self._locks.retake()  # nothing of this connection's was under way
            except OSError as error:
                reason = f"{self._path}: this process closed SQLite's descriptors ({error})"
                raise EngineUnavailableError(reason) from error

    def check_after(self, *, wrote: bool) -> None:
        """Returns if what was written since `check_before` is in the files that others find, and locked out the others.

        Raises:
            EngineUnavailableError: It may not be. Close the connection.
        """
        if wrote:
            self._names.check(outcome_known=False)
        if self._locks.were_lost():
            raise engine_unavailable(_HELD.format(name=self._path), outcome_known=not wrote)
        if wrote:
            self._looked_at = monotonic()

    def release(self) -> None:
        """Before the connection is closed because nobody needs it any more."""
        self._locks.release()

    def abandon(self) -> None:
        """After it was closed because something went wrong."""
        self._locks.abandon()

    def _check_that_they_are_open(self, names: Sequence[str]) -> None:
        """A connection shares `-shm` with the others of this process, which may have one open that was removed."""
        files = open_files()
        for name, identity in zip(names, self._names.identities(), strict=True):
            if files is not None and identity not in files:
                raise EngineUnavailableError(
                    f"{name}: this process has another file open that had this name; close its other connections to "
                    f"{self._path}, or start it again",
                )
