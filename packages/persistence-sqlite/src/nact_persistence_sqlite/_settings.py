"""Arguments, checked where they are given."""

from __future__ import annotations

import math
import os

from nact.persistence.records import MAX_SEQUENCE_NUMBER

_SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")
_LONGEST_WAIT = 86_400


def checked_path(path: str | os.PathLike[str]) -> str:
    """The absolute path: a later change of the working directory changes nothing."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"path must be a str or a path of str, not {path!r}")
    if text.startswith((":memory:", "file:")):
        raise ValueError(
            f"path must name a file, not {text!r}; for a journal in memory use nact.persistence.MemoryPersistenceEngine"
        )
    if not text or "\0" in text:
        raise ValueError(f"path must name a file, not {text!r}")
    if os.path.basename(text) in {"", ".", ".."}:  # noqa: PTH119 - Path drops what is looked for
        raise ValueError(f"path must name a file, and {text!r} is a folder")
    return os.path.abspath(text)  # noqa: PTH100 - Path.absolute() keeps the ".." in it


def checked_tables(event_table: str, snapshot_table: str) -> None:
    """Returns if the two can be names of tables."""
    named: dict[str, object] = {"event_table": event_table, "snapshot_table": snapshot_table}
    for name, table in named.items():
        if not isinstance(table, str) or not table or "\0" in table or table.lower().startswith(("sqlite_", "nact_")):
            raise ValueError(
                f"{name} must be the name of a table, not beginning with 'sqlite_' or 'nact_', not {table!r}"
            )
    if event_table.lower() == snapshot_table.lower():
        raise ValueError(f"event_table and snapshot_table must be two names, not both {event_table!r}")


def checked_synchronous(synchronous: object) -> str:
    if not isinstance(synchronous, str) or synchronous.upper() not in _SYNCHRONOUS:
        raise ValueError(f"synchronous must be one of {', '.join(_SYNCHRONOUS)}, not {synchronous!r}")
    return synchronous.upper()


def checked_busy_timeout(seconds: object) -> float:
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or not 0 <= seconds <= _LONGEST_WAIT:
        raise ValueError(f"busy_timeout must be a number of seconds from 0 to {_LONGEST_WAIT}, not {seconds!r}")
    return float(seconds)


def checked_page_size(page_size: int) -> int:
    if type(page_size) is not int or page_size < 1:
        raise ValueError(f"page_size must be an int from 1, not {page_size!r}")
    return min(page_size, MAX_SEQUENCE_NUMBER)
