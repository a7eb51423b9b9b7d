"""Finds the suites."""

from __future__ import annotations

import importlib
import pkgutil

from benchmarks import suites
from benchmarks.model import Suite


def names() -> list[str]:
    """The names of all suites, as they are given on the command line."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(suites.__path__))


def suite(name: str) -> Suite:
    """The suite of this name."""
    found = importlib.import_module(f"{suites.__name__}.{name.replace('-', '_')}.suite").SUITE
    if not isinstance(found, Suite):
        raise TypeError(f"SUITE of suite {name} must be a Suite, not {found!r}")
    return found
