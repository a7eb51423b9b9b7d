"""Reads `sqlite:` URLs, with the meaning that they have in SQLAlchemy."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from nact.persistence.building.url_options import BOOLEAN, COUNT, NAME, SECONDS, Option, read_options
from nact_persistence_sqlite.engine import SqlitePersistenceEngine

_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_OPTIONS = {
    "create_if_not_exists": BOOLEAN,
    "event_table": NAME,
    "page_size": COUNT,
    "prefix": NAME,
    "snapshot_table": NAME,
    "synchronous": Option(str, "one of OFF, NORMAL, FULL, EXTRA"),
    "timeout": SECONDS,
}


def engine_from_url(url: str) -> SqlitePersistenceEngine:
    """The engine for a file: `sqlite:///relative.db`, `sqlite:////absolute/path.db`, `sqlite:///C:/windows.db`.

    After a `?` come the options of `SqlitePersistenceEngine`, as in `sqlite:///journal.db?synchronous=NORMAL`.
    A `?`, `#` or `%` in the path is written `%3F`, `%23`, `%25`.

    Raises:
        ValueError: The URL is invalid; the message says why.
    """
    _check_characters(url)
    parts = urlsplit(url)
    if parts.scheme.lower() != "sqlite":
        raise ValueError(f"the URL must begin with sqlite:, not {parts.scheme!r}")
    if parts.netloc:
        raise ValueError(
            f"a sqlite URL names no host, and this one names {parts.netloc.rpartition('@')[2]!r}: "
            "write sqlite:///relative.db or sqlite:////absolute/path.db; for a journal in memory, memory://"
        )
    if "#" in url:
        raise ValueError("write the '#' in the URL as %23")
    if parts.path in {"", "/"}:
        raise ValueError("the URL names no file: write sqlite:///relative.db; for a journal in memory, memory://")
    if not url.partition(":")[2].startswith("///"):
        raise ValueError(
            "three slashes begin a relative path and four an absolute one: "
            f"write sqlite:///{parts.path}, not sqlite:{parts.path}"
        )
    path = unquote(parts.path[1:], errors="surrogateescape")
    _check_path(path)
    return SqlitePersistenceEngine(path, **_options(parts.query))


def _check_characters(url: str) -> None:
    """Returns if Python reads the URL as it is written: it drops blanks around it, and line ends and tabs in it."""
    if url != url.strip() or any(character in url for character in "\t\r\n"):
        raise ValueError("write blanks around a URL, and tabs and line ends in it, as %20, %09, %0D, %0A")
    if _STRAY_PERCENT.search(url):
        raise ValueError("write the '%' in the URL as %25")


def _check_path(path: str) -> None:
    """Returns unless a shell, or another system, would take the path for something else."""
    first, slash, _ = path.partition("/")
    if slash and first.startswith("~"):
        raise ValueError(
            f"a URL doesn't know whose home {first!r} is: write sqlite:////home/... in full, or sqlite:///./{path} "
            "for a folder of this name"
        )
    if os.name != "nt" and _DRIVE.match(path):
        raise ValueError(f"{path!r} names a drive, which there are on Windows only: write sqlite:////absolute/path.db")


def _options(query: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError(
            "the options of the URL must be name=value, joined by & (a '?' in a path is written %3F)"
        ) from None
    options, unknown = read_options(pairs, _OPTIONS, decode=str)  # parse_qsl has decoded them
    if unknown:
        raise ValueError(f"the URL has the option {unknown[0][0]!r}; there are: {', '.join(_OPTIONS)}")
    return options
