"""Reads `postgresql:` URLs: libpq's, with the engine's own options among the others."""

from __future__ import annotations

from urllib.parse import unquote_plus

from nact.persistence.building.url_options import BOOLEAN, COUNT, NAME, SECONDS, read_options
from nact_persistence_postgres.engine import PostgresPersistenceEngine

_OPTIONS = {
    "create_if_not_exists": BOOLEAN,
    "event_table": NAME,
    "max_connections": COUNT,
    "page_size": COUNT,
    "prefix": NAME,
    "retry_for": SECONDS,
    "schema": NAME,
    "snapshot_table": NAME,
    "statement_cache_size": COUNT,
    "timeout": SECONDS,
}


def engine_from_url(url: str) -> PostgresPersistenceEngine:
    """The engine for `postgresql://user:password@host:5432/database`, or any other URL that libpq takes.

    After a `?` come options of `PostgresPersistenceEngine` and of libpq, as in
    `postgresql://db1,db2/contacts?target_session_attrs=primary&sslmode=verify-full&schema=journal`.

    Raises:
        ValueError: An option is invalid; the message says which.
    """
    if not url.lower().startswith(("postgresql://", "postgres://")):
        raise ValueError("the URL must begin with postgresql://")
    address, _, query = url.partition("?")
    given = query.split("&") if query else []
    ours = [pair.partition("=")[::2] for pair in given if _is_ours(pair)]
    options, _ = read_options(ours, _OPTIONS, decode=unquote_plus)
    theirs = "&".join(pair for pair in given if not _is_ours(pair))  # as they stand: `Dsn` reads them
    return PostgresPersistenceEngine(f"{address}?{theirs}" if theirs else address, **options)


def _is_ours(pair: str) -> bool:
    return pair.partition("=")[0] in _OPTIONS
