"""Finds the engine for a URL, and the abilities of an engine.

Each engine package registers its URL schemes in the entry-point group `nact.engines`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import TypeVar, cast

from nact.errors import UnknownEngineError
from nact.persistence._engine_methods import check_methods
from nact.persistence._protocol import ENTRY_POINT_GROUP, cannot_import, check_protocol
from nact.persistence.engine import ClosableEngine, PersistenceEngine

Ability = TypeVar("Ability")

_known_packages = {
    "postgresql": "nact-persistence-postgres",
    "postgres": "nact-persistence-postgres",
    "redis": "nact-persistence-redis",
    "rediss": "nact-persistence-redis",
    "redis+unix": "nact-persistence-redis",
    "redis+cluster": "nact-persistence-redis",
    "rediss+cluster": "nact-persistence-redis",
    "redis+sentinel": "nact-persistence-redis",
    "rediss+sentinel": "nact-persistence-redis",
    "mongodb": "nact-persistence-mongo",
    "mongodb+srv": "nact-persistence-mongo",
    "sqlite": "nact-persistence-sqlite",
}

_built_in = {"memory": EntryPoint("memory", "nact.persistence.memory:memory_engine_from_url", ENTRY_POINT_GROUP)}


def engine_from_url(url: str) -> ClosableEngine:
    """The engine that `url` names, as in `engine_from_url(os.environ["DATABASE_URL"])`. It does no I/O.

    Give it to `configure_persistence`, whose system opens and closes it; or use it in an `async with` block.

    Raises:
        UnknownEngineError: No installed package provides an engine for the URL's scheme. The message names the package
            to install.
        IncompatibleEngineError: The engine's package and this nact don't fit. The message says which one to upgrade.
        TypeError: `url` isn't a `str`, or the package's function doesn't return a `ClosableEngine`.
        ValueError: The rest of the URL is invalid.
    """
    if not isinstance(url, str):
        raise TypeError(f"url must be a str such as 'sqlite:///journal.db', not {url!r}")
    scheme, colon, _ = url.partition(":")  # urlsplit's errors may show the password
    scheme = scheme.strip().lower() if colon else ""
    entry = _entry(scheme)
    engine = _factory(entry)(url)
    if not isinstance(engine, PersistenceEngine):
        raise TypeError(f"{entry.value} made {engine!r} for {scheme}://, which isn't a PersistenceEngine")
    check_methods(engine)
    check_protocol(engine)
    if not isinstance(engine, ClosableEngine):
        raise TypeError(
            f"{entry.value} made {engine!r} for {scheme}://, which can't be closed: an engine that a URL names has "
            "aclose, and is an async context manager (nact.persistence.building.lifecycle.SessionEngine brings both)"
        )
    return engine


def require(engine: object, ability: Callable[..., Ability]) -> Ability:
    """The engine, typed as one that has the ability: `require(engine, KeyListing).keys()`.

    Args:
        engine: The engine.
        ability: A Protocol of the contract.

    Raises:
        TypeError: The engine doesn't have the ability.
    """
    # `ability` is declared as a function, since type checkers refuse a Protocol as an argument of type `type`.
    protocol = cast("type", ability)
    if not isinstance(engine, protocol):
        raise TypeError(f"{engine!r} doesn't have the ability {protocol.__name__}")
    return cast("Ability", engine)


def _entry(scheme: str) -> EntryPoint:
    if entry := _installed().get(scheme):
        return entry
    _installed.cache_clear()  # it may have been installed since
    if entry := _installed().get(scheme) or _importable(scheme):
        return entry
    raise UnknownEngineError(_advice(scheme, sorted(_installed())))


def _importable(scheme: str) -> EntryPoint | None:
    """An engine of this project whose code is installed without metadata: in a bundle, say."""
    module = _known_packages.get(scheme, "").replace("-", "_")
    if not module or find_spec(module) is None:
        return None
    return EntryPoint(scheme, f"{module}:engine_from_url", ENTRY_POINT_GROUP)


@cache
def _installed() -> dict[str, EntryPoint]:
    """The entry points of the installed packages, by scheme. Reading them takes milliseconds."""
    return _built_in | {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}


def _factory(entry: EntryPoint) -> Callable[[str], object]:
    try:
        return cast("Callable[[str], object]", entry.load())
    except ImportError as error:
        if advice := cannot_import(entry, error):
            raise advice from error
        raise


def _advice(scheme: str, installed: list[str]) -> str:
    # The message shows only the scheme, since the URL may contain a password.
    if package := _known_packages.get(scheme):
        return f"no engine for {scheme}:// is installed: pip install {package}"
    return f"no engine for {scheme!r} is installed; a URL begins with one of: {', '.join(installed) or 'none'}"
