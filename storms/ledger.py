"""The side log: what was tried, acknowledged and answered, written down before it counts.

A line is one JSON object, appended in one write with O_APPEND: lines of several processes never mix, and a process that
is killed leaves whole lines behind.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from storms.folding import Data, State, digest

Line = dict[str, Any]


class Ledger:
    """Appends to a side log. Each method returns when the line is in the file.

    Args:
        path: The file, which several processes share.
        by: Names this process.
    """

    def __init__(self, path: Path, by: str) -> None:
        self._path = path
        self._by = by
        self._file = -1

    def __enter__(self) -> Self:
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def tries(self, key: str, data: Data) -> None:
        """The event is about to be persisted: from now on it may be in the journal."""
        self._write(kind="tries", key=key, nonce=data["nonce"], digest=digest(data))

    def acknowledged(self, key: str, data: Data, *, number: int, event_id: str, before: State, after: State) -> None:
        """`persist` returned. The states are the actor's, before and after the event."""
        states = {"before": before["hash"], "after": after["hash"], "counted": after["n"]}
        self._write(kind="acknowledged", key=key, nonce=data["nonce"], number=number, event_id=event_id, **states)

    def refused(self, key: str, data: Data, error: BaseException) -> None:
        """`persist` raised an error that says: nothing was stored."""
        self._write(kind="refused", key=key, nonce=data["nonce"], error=f"{type(error).__name__}: {error}")

    def in_doubt(self, key: str, data: Data, error: BaseException) -> None:
        """`persist` raised something that doesn't tell whether the event was stored."""
        self._write(kind="in doubt", key=key, nonce=data["nonce"], error=f"{type(error).__name__}: {error}")

    def answered(self, key: str, state: State) -> None:
        """A reader was told this state."""
        self._write(kind="answered", key=key, n=state["n"], hash=state["hash"])

    def recovered(self, key: str, state: State) -> None:
        """After the storm, an actor was spawned, and has this state."""
        self._write(kind="recovered", key=key, n=state["n"], hash=state["hash"])

    def unreadable(self, key: str, error: BaseException) -> None:
        """After the storm, an actor was spawned and didn't start."""
        self._write(kind="unreadable", key=key, type=type(error).__name__, error=str(error))

    def failed(self, key: str, error: BaseException, *, reads_only: bool = False) -> None:
        """An actor, or what only reads, failed with this error, which isn't a conflict or an outage."""
        self._write(kind="failed", key=key, type=type(error).__name__, error=str(error), reads_only=reads_only)

    def _write(self, **line: object) -> None:
        text = json.dumps({**line, "by": self._by}).encode() + b"\n"
        if os.write(self._file, text) != len(text):
            raise OSError(f"{self._path} took a part of a line only")


def lines(path: Path) -> Iterator[Line]:
    """The lines of a side log, in the order in which they were written."""
    if path.exists():
        with path.open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
