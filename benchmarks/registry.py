"""Finds the suites."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from benchmarks import suites
from benchmarks.model import NotHereError, Suite


def names() -> list[str]:
    """The names of all suites, as they are given on the command line."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(suites.__path__))


def suite(name: str) -> Suite:
    """The suite of this name."""
    found = importlib.import_module(f"{suites.__name__}.{name.replace('-', '_')}.suite").SUITE
    if not isinstance(found, Suite):
        raise TypeError(f"SUITE of suite {name} must be a Suite, not {found!r}")
    return found


def function(place: str) -> Any:
    """The function that `"module:function"` names.

    Raises:
        NotHereError: Something that its module imports isn't installed.
    """
    module, _, name = place.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("benchmarks"):
            raise
        raise NotHereError(f"{error.name} isn't installed") from None
