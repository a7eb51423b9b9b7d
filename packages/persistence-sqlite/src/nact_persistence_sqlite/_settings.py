"""Checks the constructor's arguments."""

from __future__ import annotations

import math
import os

from nact.persistence.records import MAX_SEQUENCE_NUMBER

_SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")
_LONGEST_WAIT = 86_400


def checked_source(source: str | os.PathLike[str]) -> str:
    """The absolute path, so that a later change of the working directory has no effect."""
    text = os.fspath(source)
    if not isinstance(text, str):
        raise TypeError(f"source must be a str or a path of str, not {source!r}")
    if text.startswith((":memory:", "file:")):
        raise ValueError(
            f"source must name a file, not {text!r}; "
            "for a journal in memory use nact.persistence.MemoryPersistenceEngine"
        )
    if not text or "\0" in text:
        raise ValueError(f"source must name a file, not {text!r}")
    if os.path.basename(text) in {"", ".", ".."}:  # noqa: PTH119 - Path drops what is looked for
        raise ValueError(f"source must name a file, and {text!r} is a folder")
    return os.path.abspath(text)  # noqa: PTH100 - Path.absolute() keeps the ".." in it


def checked_tables(prefix: str, event_table: str, snapshot_table: str) -> tuple[str, str]:
    """The names of both tables, with the prefix."""
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a str, not {prefix!r}")
    named: dict[str, object] = {"event_table": event_table, "snapshot_table": snapshot_table}
    for argument, name in named.items():
        table = prefix + name if isinstance(name, str) and name else ""
        if not table or "\0" in table or table.lower().startswith(("sqlite_", "nact_")):
            raise ValueError(
                f"{argument} must be the name of a table, not beginning with 'sqlite_' or 'nact_', "
                f"not {(table or name)!r}"
            )
    if event_table.lower() == snapshot_table.lower():
        raise ValueError(f"event_table and snapshot_table must be two names, not both {event_table!r}")
    return prefix + event_table, prefix + snapshot_table


def checked_synchronous(synchronous: object) -> str:
    if not isinstance(synchronous, str) or synchronous.upper() not in _SYNCHRONOUS:
        raise ValueError(f"synchronous must be one of {', '.join(_SYNCHRONOUS)}, not {synchronous!r}")
    return synchronous.upper()


def checked_timeout(seconds: object) -> float:
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or not 0 <= seconds <= _LONGEST_WAIT:
        raise ValueError(f"timeout must be a number of seconds from 0 to {_LONGEST_WAIT}, not {seconds!r}")
    return float(seconds)


def checked_page_size(page_size: int) -> int:
    if type(page_size) is not int or page_size < 1:
        raise ValueError(f"page_size must be an int from 1, not {page_size!r}")
    return min(page_size, MAX_SEQUENCE_NUMBER)
