"""Engines that keep the laws are found to keep them: the kit raises no false alarm."""

from __future__ import annotations

from urllib.parse import urlsplit

from good_engines.files import FileEngine
from good_engines.marred import MemoryBackDoor
from good_engines.network import NetworkEngine, small_server
from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistenceEngine
from nact_conformance.process_storage import ProcessStorage
from nact_conformance.suite import BackDoor, ConformanceSuite, Requirements

GONE = "lives in memory: other processes see nothing of it, and it dies with its own"


class TestMemoryEngine(ConformanceSuite):
    """The reference itself."""

    requirements = Requirements(cannot_keep={law: GONE for law in ("P-01", "P-02", "P-03", "P-04", "P-05", "P-06", "P-07")})
    store: MemoryStorage

    def engine(self) -> PersistenceEngine:
        self.store = MemoryStorage()
        return MemoryPersistenceEngine(self.store)

    def reopen(self) -> PersistenceEngine:
        return MemoryPersistenceEngine(self.store)

    def url(self) -> str:
        return "memory://for-other-processes"

    def back_door(self) -> BackDoor:
        return MemoryBackDoor(self.store)


class TestFileEngine(ConformanceSuite):
    """An engine whose storage is shared by processes."""

    factory = "good_engines.files:from_url"

    def url(self) -> str:
        return f"file://{self.folder / 'journal'}"


class TestNetworkEngine(ConformanceSuite):
    """An engine with a server, which the fault laws kill and cut off."""

    factory = "good_engines.network:from_url"

    def storage(self) -> ProcessStorage:
        return small_server

    def round_trips(self, engine: PersistenceEngine) -> int | None:
        return engine.round_trips if isinstance(engine, NetworkEngine) else None


class TwoMethods:
    """The smallest engine that there can be."""

    def __init__(self, path: str) -> None:
        self._engine = FileEngine(path)
        self.events = self._engine.events
        self.persist = self._engine.persist


def two_methods(url: str) -> TwoMethods:
    return TwoMethods(urlsplit(url).path)


class TestEngineOfTwoMethods(ConformanceSuite):
    """An engine without any ability."""

    factory = "test_good_engines:two_methods"

    def url(self) -> str:
        return f"file://{self.folder / 'journal'}"
