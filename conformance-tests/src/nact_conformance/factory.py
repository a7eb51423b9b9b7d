"""Makes an engine from a URL, here and in other processes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

from nact.persistence import PersistenceEngine

DEFAULT = "nact.persistence:engine_from_url"
"""Finds the engine by the URL's scheme, among the installed packages."""


def make_engine(factory: str, url: str) -> PersistenceEngine:
    """The engine that the function called `module:function` makes from the URL."""
    module, _, name = factory.partition(":")
    make = cast("Callable[[str], PersistenceEngine]", getattr(importlib.import_module(module), name))
    return make(url)
