"""Reads URLs: what the driver makes of them, and the engine's own options behind the `?`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlunsplit

from nact_persistence_redis._address import split
from nact_persistence_redis.engine import RedisPersistenceEngine

_OPTIONS: dict[str, tuple[Callable[[str], Any], str]] = {
    "durability": (str, "one of always, everysec, none"),
    "if_weaker": (str, "one of refuse, warn, accept"),
    "max_batch": (int, "a whole number"),
    "max_connections": (int, "a whole number"),
    "page_size": (int, "a whole number"),
    "prefix": (str, "text without braces"),
    "replicas": (int, "a whole number"),
    "retry_for": (float, "a number of seconds"),
    "timeout": (float, "a number of seconds"),
}


def engine_from_url(url: str) -> RedisPersistenceEngine:
    """The engine for `redis://` or `rediss://` (TLS), or one of those with `+cluster` or `+sentinel`.

    After a `?` come the options of `RedisPersistenceEngine` and of redis-py's connections, as in
    `rediss://user:secret@db/0?durability=everysec&ssl_ca_certs=/etc/ca.pem`.

    Raises:
        ValueError: The URL says something else; the message says what.
    """
    parts = split(url)
    ours: dict[str, Any] = {}
    drivers: list[tuple[str, str]] = []
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _OPTIONS:
            drivers.append((name, text))
            continue
        if name in ours:
            raise ValueError(f"the URL has the option {name!r} twice")
        convert, expected = _OPTIONS[name]
        try:
            ours[name] = convert(text)
        except ValueError as error:
            raise ValueError(f"the option {name} must be {expected}, not {text!r}") from error
    return RedisPersistenceEngine(urlunsplit(parts._replace(query=urlencode(drivers))), **ours)
