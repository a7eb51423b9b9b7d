"""Locks that stay when this process loses SQLite's, and that show the loss.

SQLite uses POSIX locks. A process loses all of its POSIX locks on a file when it closes any descriptor of that file,
one for a backup or a checksum, say, and SQLite doesn't notice. Open file description locks stay. Only Linux has them:
on other systems nothing is held, and a loss isn't noticed. See docs/adr/0046.
"""

from __future__ import annotations

import os
import secrets
import struct
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from typing import Literal

from nact_persistence_sqlite._file_names import Identity

if sys.platform == "linux":
    import fcntl

    _KINDS = {"read": fcntl.F_RDLCK, "write": fcntl.F_WRLCK, "nothing": fcntl.F_UNLCK}
    _UNLOCKED = struct.pack("h", fcntl.F_UNLCK)

_SHARED = 0x40000002, 510
"""The bytes of a database that each connection locks: SHARED_FIRST and SHARED_SIZE in SQLite's os.h. While they are
locked, no other program believes that it is the last user, and removes the write-ahead log when it closes."""
_IN_USE = 128, 1
"""The byte of `-shm` that marks it as in use: UNIX_SHM_DMS in SQLite's os_unix.c. An unmarked one is emptied. SQLite
3.51 and later keep the write-ahead log when they close while another owner has it locked."""
_OURS = 1 << 62
"""SQLite locks no byte from here on."""


class _Process:
    """The locks of this process. One lock on a file serves all of its connections."""

    def __init__(self, inherited: Iterable[int] = ()) -> None:
        self.lock = threading.Lock()
        self.holders: Counter[Identity] = Counter()
        self.inherited = frozenset(inherited)
        """Descriptors shared with a parent process: to unlock them is to unlock the parent's."""


_process = _Process()


def _begin_anew() -> None:
    global _process  # noqa: PLW0603 - this is another process
    _process = _Process(chain.from_iterable((open_files() or {}).values()) if _process.holders else ())


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_begin_anew)


def open_files() -> dict[Identity, list[int]] | None:
    """This process's descriptors by file, the writable ones first; `None` on a system that doesn't list them."""
    found: dict[Identity, list[int]] = {}
    try:
        descriptors = [int(name) for name in os.listdir("/dev/fd")]  # noqa: PTH208 - names
    except OSError:
        return None
    for descriptor in descriptors:
        with suppress(OSError):
            same = found.setdefault(Identity.of(os.fstat(descriptor)), [])
            same.insert(0 if _is_writable(descriptor) else len(same), descriptor)
    return found


class Locks:
    """The locks of one connection, on SQLite's own descriptors: closing another one would do the harm.

    Args:
        database: The file of the database.
        shared_memory: That of `-shm`.
    """

    def __init__(self, database: Identity, shared_memory: Identity) -> None:
        self._database = database
        self._shared_memory = shared_memory
        self._descriptor = -1
        place = _OURS + secrets.randbits(60)  # a byte that no other process has
        self._ask, self._take = _region("write", (place, 1)), _region("read", (place, 1))

    def hold(self) -> None:
        """Takes them.

        Raises:
            OSError: Another program has locked the files against all others.
        """
        if sys.platform == "linux":
            with _process.lock:
                files = open_files() or {}
                _lock_all(files.get(self._database, ()), _region("read", _SHARED))
                _lock_all(files.get(self._shared_memory, ()), _region("read", _IN_USE))
                self._descriptor = (*files.get(self._shared_memory, ()), -1)[0]
                self.retake()
                _process.holders[self._database] += 1

    def release(self) -> None:
        """Gives them up. After the last ones of this process, SQLite may take itself for the database's last user."""
        if sys.platform == "linux":
            with _process.lock:
                self._leave()
                if not _process.holders[self._database]:
                    files = open_files() or {}
                    for file, region in ((self._database, _SHARED), (self._shared_memory, _IN_USE)):
                        mine = set(files.get(file, ())) - _process.inherited
                        _lock_all(mine, _region("nothing", region))

    def abandon(self) -> None:
        """Call it after the connection was closed without `release`: the locks went with the descriptors."""
        if sys.platform == "linux":
            with _process.lock:
                self._leave()

    def _leave(self) -> None:
        _process.holders[self._database] = max(0, _process.holders[self._database] - 1)
        _process.holders += Counter()  # without those at 0

    def were_lost(self) -> bool:
        """True if this process has lost SQLite's locks since `hold` or `retake`, if only for a moment.

        A POSIX lock of ours is lost together with SQLite's. A process can't query its own POSIX locks, but it can
        through an open file description, which counts as another owner.
        """
        if sys.platform == "linux" and self._descriptor >= 0:
            try:
                found = fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, self._ask)
            except OSError:
                return True  # the descriptor was closed
            return found[:2] == _UNLOCKED
        return False

    def retake(self) -> None:
        """Takes the watched lock again.

        Raises:
            OSError: The descriptor isn't that of `-shm` any more.
        """
        if sys.platform == "linux" and self._descriptor >= 0:
            if Identity.of(os.fstat(self._descriptor)) != self._shared_memory:
                raise OSError("its descriptor is another file's")
            fcntl.fcntl(self._descriptor, fcntl.F_SETLK, self._take)


def _lock_all(descriptors: Iterable[int], region: bytes) -> None:
    for descriptor in descriptors:
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, region)
        except (BlockingIOError, PermissionError):
            raise
        except OSError:
            continue


def _region(kind: Literal["read", "write", "nothing"], region: tuple[int, int]) -> bytes:
    """A `struct flock`; empty where it isn't used."""
    if sys.platform != "linux":
        return b""
    return struct.pack("@hhqqi0q", _KINDS[kind], os.SEEK_SET, *region, 0)


def _is_writable(descriptor: int) -> bool:
    return sys.platform == "linux" and fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
