"""Checks that an engine and this core speak the same version of the contract."""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib import metadata

from nact.errors import IncompatibleEngineError
from nact.persistence import engine as contract

ENTRY_POINT_GROUP = "nact.engines"
"""The group of entry points that name engines: a URL scheme, and a function from a URL to a `PersistenceEngine`."""

_UNDECLARED = (1,)  # the version of engines without `protocol_versions`


def check_protocol(engine: object) -> None:
    """Raises `IncompatibleEngineError` unless the engine speaks this core's version of the contract."""
    spoken = getattr(engine, "protocol_versions", _UNDECLARED)
    if not _are_versions(spoken):
        raise TypeError(f"{_name(type(engine))}.protocol_versions must be numbers such as (1, 2), not {spoken!r}")
    if contract.PROTOCOL_VERSION not in spoken:
        raise IncompatibleEngineError(_advice(_declared_by(type(engine)), spoken))


def cannot_import(entry: metadata.EntryPoint, error: ImportError) -> IncompatibleEngineError | None:
    """The error to raise instead, if the engine's package needs something that this core doesn't have; else `None`."""
    if entry.dist is None or (error.name or "").partition(".")[0] != "nact":
        return None
    return IncompatibleEngineError(
        f"{_about(entry.dist)} doesn't find in {_core()} what it needs: {_upgrade_core(entry.dist)}"
    )


def _are_versions(spoken: object) -> bool:
    return isinstance(spoken, Collection) and len(spoken) > 0 and all(type(version) is int for version in spoken)


def _declared_by(kind: type) -> type:
    """The class that declares `protocol_versions`: the engine's own, also for an application's subclass of it."""
    return next((base for base in kind.__mro__ if "protocol_versions" in vars(base)), kind)


def _advice(kind: type, spoken: Collection[int]) -> str:
    package = _package(kind)
    engine = _about(package) if package else f"the engine {_name(kind)}"
    known = " and ".join(map(str, sorted(spoken)))
    told = f"{engine} speaks protocol version {known}, but {_core()} speaks {contract.PROTOCOL_VERSION}: "
    if max(spoken) > contract.PROTOCOL_VERSION:
        return told + _upgrade_core(package)
    if package:
        return f"{told}upgrade {package.name}"
    return f"{told}bring it up to date, and say so in its protocol_versions"


def _upgrade_core(package: metadata.Distribution | None) -> str:
    needed = (re.fullmatch(r"nact\s*([<>=!~][^;]*)", need) for need in (package.requires if package else None) or ())
    bounds = next((f" to {match[1]}" for match in needed if match), "")
    return f"upgrade nact{bounds}"


def _package(kind: type) -> metadata.Distribution | None:
    """The installed package whose entry points name engines of the class's top-level module."""
    top = kind.__module__.partition(".")[0]
    found = (
        entry.dist for entry in metadata.entry_points(group=ENTRY_POINT_GROUP) if entry.module.partition(".")[0] == top
    )
    return next(found, None)


def _core() -> str:
    try:
        return f"nact {metadata.version('nact')}"
    except metadata.PackageNotFoundError:  # a bundle, by PyInstaller say, may lack the metadata
        return "this nact"


def _about(package: metadata.Distribution) -> str:
    return f"{package.name} {package.version}"


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
