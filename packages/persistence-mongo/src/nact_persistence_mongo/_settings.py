"""Checks the constructor's arguments. Each function returns the value, or raises `TypeError` or `ValueError`."""

from __future__ import annotations

import math

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri, split_options

from nact_persistence_mongo._connections.drivers import Source, is_database, is_source

_LONGEST_WAIT = 86_400
_MOST_MEMBERS = 50  # of a replica set
_MOST = 2**31 - 1


def checked_source(source: str | Source, database: str | None) -> str | Source:
    if isinstance(source, str):
        _check_url(source)
    elif not is_source(source):
        given = f"{type(source).__module__}.{type(source).__name__}"
        raise TypeError(f"expected a URL, or a client or a database of Motor or of PyMongo's async API, not {given}")
    elif is_database(source) and database is not None:
        raise ValueError("database must not be given with a database")
    return source


def _check_url(url: str) -> None:
    """Returns if the driver can use the URL. The driver would tell some of this at first use only, some not at all.

    Raises:
        ValueError: The URL is invalid. The message holds neither user nor password.
    """
    if not url.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("the URL must begin with mongodb:// or mongodb+srv://")
    try:
        if url.startswith("mongodb://"):
            collection = parse_uri(url)["collection"]
        else:  # the name service knows its hosts
            collection = None
            if options := url.partition("?")[2]:
                split_options(options)
    except (ValueError, PyMongoError, OSError) as error:
        raise ValueError(f"the URL can't be used: {error}") from error
    if collection is not None:
        raise ValueError(f"the URL names a collection, {collection!r}, where there is only the name of a database")


def checked_database(name: str | None) -> str | None:
    if name is not None and (not name or set(name) & set('/\\. "$*<>:|?\0')):
        raise ValueError(f"database must be the name of a database, not {name!r}")
    return name


def checked_collections(prefix: str, event_collection: str, snapshot_collection: str) -> tuple[str, str]:
    """The names of the two collections, with the prefix."""
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a string, not {prefix!r}")
    for argument, name in {"event_collection": event_collection, "snapshot_collection": snapshot_collection}.items():
        _check_collection(argument if not prefix else f"prefix and {argument}", name and prefix + name)
    if event_collection == snapshot_collection:
        raise ValueError(f"event_collection and snapshot_collection must be two names, not both {event_collection!r}")
    return prefix + event_collection, prefix + snapshot_collection


def _check_collection(argument: str, name: str) -> None:
    is_usable = name and not set(name) & set("$\0") and not name.startswith((".", "system."))
    if not is_usable or name.endswith(".") or ".." in name:
        raise ValueError(f"{argument} must be the name of a collection, not {name!r}")


def checked_w(w: int | str) -> int | str:
    if not w or w is True or (isinstance(w, int) and not 0 < w <= _MOST_MEMBERS):
        raise ValueError(
            f"w must be 'majority', a tag of the replica set, or an int from 1 to {_MOST_MEMBERS}, not {w!r}"
        )
    return w


def checked_seconds(name: str, seconds: float) -> float:
    if not math.isfinite(seconds) or not 0 < seconds <= _LONGEST_WAIT:
        raise ValueError(f"{name} must be a number of seconds above 0, up to {_LONGEST_WAIT}, not {seconds!r}")
    return float(seconds)


def checked_count(name: str, count: int) -> int:
    if type(count) is not int or not 1 <= count <= _MOST:
        raise ValueError(f"{name} must be an int from 1 to {_MOST}, not {count!r}")
    return count
