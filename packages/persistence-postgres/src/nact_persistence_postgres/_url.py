"""Reads `postgresql:` URLs: libpq's, with the engine's own options among the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from nact_persistence_postgres.engine import PostgresPersistenceEngine

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _boolean(text: str) -> bool:
    return _BOOLEANS[text.lower()]


_OPTIONS: dict[str, tuple[Callable[[str], Any], str]] = {
    "create_if_not_exists": (_boolean, "true or false"),
    "event_table": (str, "a name"),
    "max_connections": (int, "a whole number"),
    "page_size": (int, "a whole number"),
    "reconnect_timeout": (float, "a number of seconds"),
    "schema": (str, "a name"),
    "snapshot_table": (str, "a name"),
    "statement_cache_size": (int, "a whole number"),
    "statement_timeout": (float, "a number of seconds"),
    "table_prefix": (str, "a name"),
}


def engine_from_url(url: str) -> PostgresPersistenceEngine:
    """The engine for `postgresql://user:password@host:5432/database`, or any other URL that libpq takes.

    After a `?` come options of `PostgresPersistenceEngine` and of libpq, as in
    `postgresql://db1,db2/contacts?target_session_attrs=primary&sslmode=verify-full&schema=journal`.
    (`statement_timeout` is the engine's: seconds.)

    Raises:
        ValueError: An option can't be; the message says which.
    """
    if not url.lower().startswith(("postgresql://", "postgres://")):
        raise ValueError("the URL must begin with postgresql://")
    address, _, query = url.partition("?")
    options: dict[str, Any] = {}
    theirs: list[str] = []
    for pair in query.split("&") if query else ():
        name, _, text = pair.partition("=")
        if name not in _OPTIONS:
            theirs.append(pair)
        elif name in options:
            raise ValueError(f"the URL has the option {name!r} twice")
        else:
            options[name] = _converted(name, unquote_plus(text))
    return PostgresPersistenceEngine(f"{address}?{'&'.join(theirs)}" if theirs else address, **options)


def _converted(name: str, text: str) -> object:
    convert, expected = _OPTIONS[name]
    try:
        return convert(text)
    except (ValueError, KeyError) as error:
        raise ValueError(f"the option {name} must be {expected}, not {text!r}") from error
