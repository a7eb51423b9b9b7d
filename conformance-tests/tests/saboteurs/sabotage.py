"""How saboteurs are declared, and the suites that try laws on them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from good_engines.files import FileEngine
from good_engines.memory_back_door import MemoryBackDoor
from good_engines.network import small_server

from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistenceEngine
from nact_conformance._reporting.finding import Finding
from nact_conformance._trying.running import try_law
from nact_conformance._trying.trial import Settings
from nact_conformance.law import Law, laws_of
from nact_conformance.storage import Storage
from nact_conformance.suite import BackDoor, ConformanceSuite

Engine = TypeVar("Engine", bound=type)

LAWS: dict[str, Law] = laws_of(ConformanceSuite)
QUICK = Settings(rounds=4, timeout=0.6, law_timeout=20)
WITH_PROCESSES = Settings(rounds=3, timeout=2, law_timeout=60)


@dataclass(frozen=True)
class Saboteur:
    """A broken engine, and the laws that must catch it."""

    engine: Any
    laws: tuple[str, ...]

    @property
    def name(self) -> str:
        return str(self.engine.__name__)

    @property
    def defect(self) -> str:
        return (self.engine.__doc__ or "").strip()

    def suite(self) -> ConformanceSuite:
        """A suite on a fresh instance."""
        if issubclass(self.engine, FileEngine):
            kind: type[SabotageSuite] = OnAFile
        else:
            kind = InMemory if issubclass(self.engine, MemoryPersistenceEngine) else OnAServer
        suite = kind()
        suite.saboteur = self.engine
        return suite

    def tried_by(self, law_id: str) -> Finding:
        settings = QUICK if issubclass(self.engine, MemoryPersistenceEngine) else WITH_PROCESSES
        return try_law(self.suite(), LAWS[law_id], settings)


SABOTEURS: dict[str, Saboteur] = {}


def caught_by(*laws: str) -> Callable[[Engine], Engine]:
    """Declares a saboteur, and the laws that must catch it."""

    def declare(engine: Engine) -> Engine:
        if engine.__name__ in SABOTEURS:
            raise ValueError(f"two saboteurs are called {engine.__name__}")
        SABOTEURS[engine.__name__] = Saboteur(engine, laws)
        return engine

    return declare


class SabotageSuite(ConformanceSuite):
    """The laws, on a saboteur."""

    __test__ = False
    saboteur: Any


class InMemory(SabotageSuite):
    """A saboteur on a `MemoryStorage`, with the in-memory back door."""

    store: MemoryStorage

    def engine(self) -> PersistenceEngine:
        self.store = MemoryStorage()
        return self.reopen()

    def reopen(self) -> PersistenceEngine:
        made: PersistenceEngine = self.saboteur(self.store)
        return made

    def back_door(self) -> BackDoor:
        return MemoryBackDoor(self.store)

    def round_trips(self, engine: PersistenceEngine) -> int | None:
        return getattr(engine, "round_trips", None)


class OnAFile(SabotageSuite):
    """A saboteur whose file other processes share."""

    factory: ClassVar[str] = "saboteurs.sabotage:from_url"

    def url(self) -> str:
        return f"{self.saboteur.__module__}+{self.saboteur.__name__}://{self.folder / 'journal'}"

    def engine(self) -> PersistenceEngine:
        made: PersistenceEngine = self.saboteur(str(self.folder / "journal"))
        return made


class OnAServer(SabotageSuite):
    """A saboteur that speaks to the small server."""

    def storage(self) -> Storage:
        return small_server

    def engine(self) -> PersistenceEngine:
        place = urlsplit(small_server.url)
        made: PersistenceEngine = self.saboteur(place.hostname, place.port)
        return made

    def round_trips(self, engine: PersistenceEngine) -> int | None:
        return getattr(engine, "round_trips", None)


def from_url(url: str) -> PersistenceEngine:
    """The saboteur for `module+Name:///path`, in another process."""
    scheme, _, path = url.partition("://")
    module, _, name = scheme.partition("+")
    __import__(module)
    made: PersistenceEngine = getattr(sys.modules[module], name)(os.fspath(path))
    return made
