"""Names and versions for a report: of the engine, the system and the kit."""

from __future__ import annotations

import functools
import platform
from datetime import UTC, datetime
from importlib import metadata

from nact.persistence import PROTOCOL_VERSION, DurabilityLevel, PersistenceEngine


def about_engine(engine: PersistenceEngine) -> str:
    """The engine's class, its distribution and version, and its durability if it is a `DurabilityLevel`."""
    durability = f", durability: {engine.durability}" if isinstance(engine, DurabilityLevel) else ""
    return _about_class(type(engine)) + durability


@functools.cache
def _about_class(kind: type) -> str:
    top = kind.__module__.partition(".")[0]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _distributions(top))
    return f"{kind.__module__}.{kind.__qualname__}" + (f" ({versions})" if versions else "")


def _distributions(top: str) -> list[str]:
    """The distributions that a module comes from. One that is installed from its folder lists only its engines."""
    if found := metadata.packages_distributions().get(top):
        return sorted(set(found))
    engines = metadata.entry_points(group="nact.engines")
    return sorted({each.dist.name for each in engines if each.dist and each.module.partition(".")[0] == top})


def about_run() -> dict[str, str]:
    """The date, and the Python and system of this run."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(terse=True),
    }


def about_kit() -> str:
    """The kit's version and that of the contract that it checks."""
    try:
        version = metadata.version("nact-conformance")
    except metadata.PackageNotFoundError:
        version = "not installed"
    return f"nact-conformance {version}, protocol version {PROTOCOL_VERSION}"
