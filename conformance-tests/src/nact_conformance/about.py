"""What a report is about: names and versions."""

from __future__ import annotations

import functools
from importlib import metadata

from nact.persistence import PROTOCOL_VERSION, PersistenceEngine


def about_engine(engine: PersistenceEngine) -> str:
    """The engine's class, and the distribution and version that it comes from, as far as they are known."""
    return _about_class(type(engine))


@functools.cache
def _about_class(kind: type) -> str:
    top = kind.__module__.partition(".")[0]
    found = metadata.packages_distributions().get(top, [])
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in sorted(set(found)))
    return f"{kind.__module__}.{kind.__qualname__}" + (f" ({versions})" if versions else "")


def about_kit() -> str:
    """The kit's version and that of the contract that it checks."""
    try:
        version = metadata.version("nact-conformance")
    except metadata.PackageNotFoundError:
        version = "not installed"
    return f"nact-conformance {version}, protocol version {PROTOCOL_VERSION}"
