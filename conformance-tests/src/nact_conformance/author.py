"""The author's side: how to make an engine, where it stores, and tools for more laws."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar, cast

from nact.persistence import PersistenceEngine
from nact_conformance.back_door import BackDoor
from nact_conformance.requirements import Requirements
from nact_conformance.storage import FileStorage, Storage

HOOKS = ("engine", "reopen", "url", "storage", "back_door", "round_trips")

DEFAULT_FACTORY = "nact.persistence:engine_from_url"
"""Finds the engine by the URL's scheme, among the installed packages."""


class EngineUnderTest:
    """The methods that an author overrides: either `url` (or `storage`), or `engine` and `reopen`.

    These are plain methods, not fixtures: the kit calls them inside the event loop in which it tries a law, a fresh one
    for each.

    Attributes:
        folder: An empty folder for this try of a law.
        requirements: The laws that the engine can't keep, with reasons.
        factory: `module:function` that makes an engine from the URL, here and in other processes.
    """

    folder: Path
    requirements: Requirements = Requirements()
    factory: ClassVar[str] = DEFAULT_FACTORY

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in HOOKS:
            if not inspect.isfunction(getattr(cls, name)) or hasattr(getattr(cls, name), "_pytestfixturefunction"):
                raise TypeError(f"{cls.__name__}.{name} must be a plain method, not a fixture: the kit calls it itself")

    def url(self) -> str | None:
        """Where the engine stores, as its factory understands it. With this, other processes find the storage, too."""
        return None

    def storage(self) -> Storage | None:
        """Where the engine stores; a `ServerStorage` for the fault laws. The same object each time, if it is costly."""
        url = self.url()
        return None if url is None else FileStorage(url)

    def engine(self) -> PersistenceEngine | Awaitable[PersistenceEngine]:
        """A new engine, not yet opened."""
        storage = self.storage()
        if storage is None:
            raise TypeError(f"{type(self).__name__} must override `url`, `storage` or `engine`")
        return make_engine(self.factory, storage.url)

    def reopen(self) -> PersistenceEngine | Awaitable[PersistenceEngine]:
        """Another new engine, independent of those before, on the storage of the last call of `engine`."""
        return self.engine()

    def back_door(self) -> BackDoor | None:
        """Raw access to the storage, if the author gives it."""
        return None

    def round_trips(self, engine: PersistenceEngine) -> int | None:  # noqa: ARG002 (an author's override uses it)
        """The number of round trips, or statements, that this engine has made so far, if the author counts them."""
        return None


def make_engine(factory: str, url: str) -> PersistenceEngine:
    """The engine that the function called `module:function` makes from the URL."""
    module, _, name = factory.partition(":")
    make = cast("Callable[[str], PersistenceEngine]", getattr(importlib.import_module(module), name))
    return make(url)
