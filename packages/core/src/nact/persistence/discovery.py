"""Finds the engine for a URL: each engine package names itself in the entry-point group `nact.engines`."""

from __future__ import annotations

from importlib.metadata import entry_points
from urllib.parse import urlsplit

from nact.errors import UnknownEngineError
from nact.persistence.engine import PersistenceEngine

ENTRY_POINT_GROUP = "nact.engines"
"""The name of an entry point is a URL scheme, its object makes a `PersistenceEngine` from a URL."""

_known_packages = {
    "postgresql": "nact-persistence-postgres",
    "postgres": "nact-persistence-postgres",
    "redis": "nact-persistence-redis",
    "rediss": "nact-persistence-redis",
    "redis+cluster": "nact-persistence-redis",
    "rediss+cluster": "nact-persistence-redis",
    "redis+sentinel": "nact-persistence-redis",
    "rediss+sentinel": "nact-persistence-redis",
    "mongodb": "nact-persistence-mongo",
    "mongodb+srv": "nact-persistence-mongo",
    "sqlite": "nact-persistence-sqlite",
}


def engine_from_url(url: str) -> PersistenceEngine:
    """The engine that `url` names, as in `engine_from_url(os.environ["DATABASE_URL"])`. No I/O happens yet.

    Raises:
        UnknownEngineError: No installed package knows the URL's scheme; the message names the one to install.
        ValueError: The engine can't read the rest of the URL.
    """
    if not isinstance(url, str):
        raise TypeError(f"url must be a str such as 'sqlite:///journal.db', not {url!r}")
    scheme = urlsplit(url).scheme.lower()
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if scheme not in found:
        raise UnknownEngineError(_advice(scheme, sorted(found)))
    engine = found[scheme].load()(url)
    if not isinstance(engine, PersistenceEngine):
        raise TypeError(f"{found[scheme].value} made {engine!r} for {scheme}://, which isn't a PersistenceEngine")
    return engine


def _advice(scheme: str, installed: list[str]) -> str:
    # The URL itself may hold a password, so only its scheme is told.
    if package := _known_packages.get(scheme):
        return f"no engine for {scheme}:// is installed: pip install {package}"
    return f"no engine for {scheme!r} is installed; a URL begins with one of: {', '.join(installed) or 'none'}"
