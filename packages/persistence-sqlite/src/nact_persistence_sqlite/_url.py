"""Reads `sqlite:` URLs, which mean what they mean to SQLAlchemy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from nact_persistence_sqlite.engine import SqlitePersistenceEngine

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _boolean(text: str) -> bool:
    return _BOOLEANS[text.lower()]


_OPTIONS: dict[str, tuple[Callable[[str], Any], str]] = {
    "busy_timeout": (float, "a number of seconds"),
    "create_if_not_exists": (_boolean, "true or false"),
    "event_table": (str, "a name"),
    "page_size": (int, "a whole number"),
    "snapshot_table": (str, "a name"),
    "synchronous": (str, "one of OFF, NORMAL, FULL, EXTRA"),
}


def engine_from_url(url: str) -> SqlitePersistenceEngine:
    """The engine for a file: `sqlite:///relative.db`, `sqlite:////absolute/path.db`, `sqlite:///C:/windows.db`.

    After a `?` come the options of `SqlitePersistenceEngine`, as in `sqlite:///journal.db?synchronous=NORMAL`.
    A `?`, `#` or `%` in the path is written `%3F`, `%23`, `%25`.

    Raises:
        ValueError: The URL says something else; the message says what.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() != "sqlite":
        raise ValueError(f"the URL must begin with sqlite:, not {parts.scheme!r}")
    if parts.netloc:
        raise ValueError(
            f"a sqlite URL names no host, and {url!r} names {parts.netloc!r}: "
            "write sqlite:///relative.db or sqlite:////absolute/path.db"
        )
    if parts.fragment:
        raise ValueError(f"write the '#' in {url!r} as %23")
    path = unquote(parts.path[1:], errors="surrogateescape")
    if not path:
        raise ValueError(f"{url!r} names no file: write sqlite:///relative.db; for a journal in memory, memory://")
    return SqlitePersistenceEngine(path, **_options(url, parts.query))


def _options(url: str, query: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise ValueError(f"the options of {url!r} must be name=value, joined by &") from error
    for name, text in pairs:
        if name not in _OPTIONS:
            raise ValueError(f"{url!r} has the option {name!r}; there are: {', '.join(sorted(_OPTIONS))}")
        if name in options:
            raise ValueError(f"{url!r} has the option {name!r} twice")
        convert, expected = _OPTIONS[name]
        try:
            options[name] = convert(text)
        except (ValueError, KeyError) as error:
            raise ValueError(f"the option {name} must be {expected}, not {text!r}") from error
    return options
