"""Checks the engine's arguments when it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ssl import SSLContext
from typing import Literal, TypeAlias, cast

from nact.persistence.records import is_unicode
from nact_persistence_postgres._addresses.dsn import Dsn
from nact_persistence_postgres._connections.connection import Pool

MAX_NAME_BYTES = 63
"""Postgres cuts longer identifiers short, so that two of them could become one."""

_LONGEST_WAIT = 86_400
_MOST_CONNECTIONS = 10_000
_LARGEST_PAGE = 1_000_000
_LARGEST_CACHE = 1_000_000

_NEEDS_NO_QUOTES = re.compile(r"[^\W\d][\w$]*")
"""Postgres takes such a name without quotes, too, and then folds its capitals."""

Ssl: TypeAlias = SSLContext | Literal["disable", "prefer", "allow", "require", "verify-ca", "verify-full"] | bool | None
"""As `asyncpg.connect` takes it."""


@dataclass(slots=True, kw_only=True)
class Settings:
    """The engine's arguments, checked, and the name of the database or pool in its errors."""

    name: str
    create: bool
    schema: str | None
    event_table: str
    snapshot_table: str
    ssl: Ssl
    max_connections: int
    statement_cache_size: int | None
    timeout: float
    retry_for: float
    page_size: int

    def __post_init__(self) -> None:
        if self.schema is not None:
            self.schema = checked_name("schema", self.schema)
        self.event_table = checked_name("prefix and event_table", self.event_table)
        self.snapshot_table = checked_name("prefix and snapshot_table", self.snapshot_table)
        if self.event_table == self.snapshot_table:
            raise ValueError(f"event_table and snapshot_table must be two names, not both {self.event_table!r}")
        _check_int("max_connections", self.max_connections, 1, _MOST_CONNECTIONS)
        _check_int("page_size", self.page_size, 1, _LARGEST_PAGE)
        if self.statement_cache_size is not None:
            _check_int("statement_cache_size", self.statement_cache_size, 0, _LARGEST_CACHE)
        self.timeout = _checked_seconds("timeout", self.timeout)
        self.retry_for = _checked_seconds("retry_for", self.retry_for)
        if self.timeout == 0:
            raise ValueError("timeout must be longer than 0 seconds")


def checked_source(source: object) -> Dsn | Pool:
    """The URL, read; or the pool.

    Raises:
        TypeError: It is neither a URL nor a pool.
        ValueError: It is a URL, and invalid.
    """
    if isinstance(source, str):
        return Dsn.checked(source)
    if not callable(getattr(source, "acquire", None)):
        raise TypeError(f"expected a URL or a pool of asyncpg, not {type(source).__module__}.{type(source).__name__}")
    return cast("Pool", source)


def checked_name(what: str, given: object) -> str:
    """The name of a schema or table, if Postgres takes all of it. In double quotes, capitals count.

    Raises:
        ValueError: It is no valid name, or not the same name to nact for JavaScript, which never quotes names.
    """
    if not isinstance(given, str) or not given or "\0" in given or not is_unicode(given):
        raise ValueError(f"{what} must make a name, not {given!r}")
    name = _without_quotes(what, given)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(f"{what} make the name {name!r}, longer than the {MAX_NAME_BYTES} bytes that Postgres takes")
    if name == given and _NEEDS_NO_QUOTES.fullmatch(name) and (folded := _folded(name)) != name:
        raise ValueError(
            f"{what} make the name {name!r}, which nact for JavaScript and psql take for {folded!r}: write {folded!r}, "
            f"or '\"{name}\"' with double quotes if the name in the database really has capitals"
        )
    return name


def _without_quotes(what: str, given: str) -> str:
    if not given.startswith('"') and not given.endswith('"'):
        return given
    inner = given[1:-1]
    if not inner or given[0] != given[-1] or '"' in inner.replace('""', ""):
        raise ValueError(f"{what} make {given!r}: a name is quoted as a whole, as in '\"Events\"', prefix included")
    return inner.replace('""', '"')


def _folded(name: str) -> str:
    """The name as Postgres takes it without quotes: only ASCII letters are folded, whatever the locale."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def _check_int(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} must be an int from {least} to {most}, not {value!r}")


def _checked_seconds(name: str, seconds: object) -> float:
    if not isinstance(seconds, int | float) or not 0 <= seconds <= _LONGEST_WAIT:
        raise ValueError(f"{name} must be a number of seconds from 0 to {_LONGEST_WAIT}, not {seconds!r}")
    return float(seconds)
