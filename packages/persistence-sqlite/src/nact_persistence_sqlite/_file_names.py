"""Checks that the names of files still lead to them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import NamedTuple, Self

from nact.persistence.building.errors import engine_unavailable

_TICK = 50_000_000
_COARSE_TICK = 3_000_000_000
"""Nanoseconds in which a folder may change twice and show one time. Some file systems count whole seconds."""
_LONGEST_TRUST = 1.0
"""In seconds. A folder shows neither a hard link in another folder, nor every change in a chain of symbolic links."""


class Identity(NamedTuple):
    """Identifies a file, whatever its name."""

    device: int
    number: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        return cls(status.st_dev, status.st_ino)


class Names:
    """Names of files that exist, and the files that they lead to now.

    While nothing in their folder is made, renamed or removed, a look at the folder is enough. There is one before and
    after every write, and it costs a third of a look at each file.

    Raises:
        EngineUnavailableError: One isn't there.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._files = [(name, Identity.of(_status(name, outcome_known=True))) for name in names]
        self._folders = sorted({os.path.dirname(name) for name in names})  # noqa: PTH120 - as it is written
        self._seen: list[tuple[int, int, int]] | None = None
        self._trusted_until = 0.0

    def identities(self) -> list[Identity]:
        return [identity for _, identity in self._files]

    def check(self, *, outcome_known: bool) -> None:
        """Returns if they lead to the same files.

        Raises:
            EngineUnavailableError: They don't, or one of the files has another name; with `outcome_known`.
        """
        seen = []
        for folder in self._folders:
            status = _status(folder, outcome_known=outcome_known)
            seen.append((status.st_mtime_ns, status.st_ino, status.st_dev))
        if seen == self._seen and time.monotonic() < self._trusted_until:
            return
        now = time.time_ns()
        for name, identity in self._files:
            self._check(name, identity, outcome_known=outcome_known)
        self._seen = seen if all(_is_past(changed, now) for changed, *_ in seen) else None
        self._trusted_until = time.monotonic() + _LONGEST_TRUST

    def _check(self, name: str, identity: Identity, *, outcome_known: bool) -> None:
        status = _status(name, outcome_known=outcome_known)
        if Identity.of(status) != identity:
            reason = f"{name}: another file took the place of the one that was open"
        elif status.st_nlink > 1 and name == self._files[0][0]:
            reason = (
                f"{name}: it has another name, a hard link, and SQLite would keep another log for that; "
                "remove the other name"
            )
        else:
            return
        raise engine_unavailable(reason, outcome_known=outcome_known)


def _is_past(changed: int, now: int) -> bool:
    return changed < now - (_TICK if changed % 1_000_000_000 else _COARSE_TICK)


def _status(name: str, *, outcome_known: bool) -> os.stat_result:
    try:
        return os.stat(name)  # noqa: PTH116 - before and after every write
    except OSError as error:
        raise engine_unavailable(
            f"{name}: the file isn't there any more; put it back ({error.strerror})", outcome_known=outcome_known
        ) from error
