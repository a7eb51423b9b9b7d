"""Checks that the names of an open database still lead to its files, and that SQLite's locks on them held.

SQLite checks neither: it goes on writing to files that were renamed or removed. See docs/adr/0046.
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
"""Seconds in which the check after a write also serves as the check before the next one. The check before a write only
saves work; the check after it decides."""


class Opened(NamedTuple):
    """A database, and the write-ahead log that belongs to it."""

    database: Identity
    log: Identity


def check_log(path: str, before: Opened | None) -> None:
    """Returns unless the log beside the file is another file's. SQLite can't tell, and would write it into this one.

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
    """The files that a connection has open: the database, its `-wal` and its `-shm`. Made after SQLite opened them.

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
        """Returns if the connection writes to, and reads from, the files that others find.

        Raises:
            EngineUnavailableError: It doesn't. Close the connection.
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
        """Returns if everything since `check_before` went to the files that others find, with SQLite's locks held.

        Raises:
            EngineUnavailableError: It may not have. Close the connection.
        """
        if wrote:
            self._names.check(outcome_known=False)
        if self._locks.were_lost():
            raise engine_unavailable(_HELD.format(name=self._path), outcome_known=not wrote)
        if wrote:
            self._looked_at = monotonic()

    def release(self) -> None:
        """Call it before a connection that is no longer needed is closed."""
        self._locks.release()

    def abandon(self) -> None:
        """Call it after an error closed the connection."""
        self._locks.abandon()

    def _check_that_they_are_open(self, names: Sequence[str]) -> None:
        """Returns unless this process has a removed `-shm` open: all its connections share one."""
        files = open_files()
        for name, identity in zip(names, self._names.identities(), strict=True):
            if files is not None and identity not in files:
                raise EngineUnavailableError(
                    f"{name}: this process has another file open that had this name; close its other connections to "
                    f"{self._path}, or start it again",
                )
