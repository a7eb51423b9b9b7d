"""Makes an engine of a URL: reads the engine's own options after the `?`, and leaves the others to the driver."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlunsplit

from nact.persistence.building.url_options import COUNT, SECONDS, Option, read_options
from nact_persistence_redis._connections.address import split
from nact_persistence_redis.engine import RedisPersistenceEngine

_OPTIONS: Final = {
    "durability": Option(str, "one of always, everysec, none"),
    "if_weaker": Option(str, "one of refuse, warn, accept"),
    "max_batch": COUNT,
    "max_connections": COUNT,
    "page_size": COUNT,
    "prefix": Option(str, "text without braces"),
    "replicas": COUNT,
    "retry_for": SECONDS,
    "timeout": SECONDS,
}


def engine_from_url(url: str) -> RedisPersistenceEngine:
    """The engine for `redis://` or `rediss://` (TLS), or one of those with `+cluster` or `+sentinel`.

    After a `?` come the options of `RedisPersistenceEngine` and of redis-py's connections, as in
    `rediss://user:secret@db/0?durability=everysec&ssl_ca_certs=/etc/ca.pem`.

    Raises:
        ValueError: The URL is invalid; the message says where.
    """
    parts = split(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)  # which decodes them
    options, drivers = read_options(pairs, _OPTIONS, decode=str)
    return RedisPersistenceEngine(urlunsplit(parts._replace(query=urlencode(drivers))), **options)
