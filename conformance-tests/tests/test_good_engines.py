"""Engines that keep the laws are found to keep them: the kit raises no false alarm."""

from __future__ import annotations

import pytest
from good_engines.files import FileEngine
from good_engines.memory_back_door import MemoryBackDoor
from good_engines.network import NetworkEngine, small_server

from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistenceEngine
from nact_conformance._reporting.finding import Outcome
from nact_conformance._trying.needs import ABILITIES, Need
from nact_conformance._trying.running import try_law
from nact_conformance._trying.trial import Settings
from nact_conformance.law import laws_of
from nact_conformance.process_storage import ProcessStorage
from nact_conformance.suite import BackDoor, ConformanceSuite, Requirements

LAWS = laws_of(ConformanceSuite)
BESIDE_ABILITIES = {Need.SECOND_CLIENT, *ABILITIES}
QUICK_LAWS = {
    law_id: law
    for law_id, law in LAWS.items()
    if law_id[0] in "JCITBDHKSXRNO" and law_id not in {"J-04", "T-05"} and BESIDE_ABILITIES.issuperset(law.needs)
}
GONE = "lives in memory: other processes see nothing of it, and it dies with its own"


class TestMemoryEngine(ConformanceSuite):
    """The reference itself."""

    requirements = Requirements(
        cannot_keep=dict.fromkeys([*(f"P-0{n}" for n in range(1, 8)), "P-11", "L-16", "N-13", "A-12"], GONE)
    )
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


class NetworkSuite(ConformanceSuite):
    """An engine with a server, which the fault laws kill and cut off."""

    factory = "good_engines.network:from_url"

    def storage(self) -> ProcessStorage:
        return small_server

    def round_trips(self, engine: PersistenceEngine) -> int | None:
        return engine.round_trips if isinstance(engine, NetworkEngine) else None


@pytest.mark.parametrize(
    "law_id", [law_id for law_id, law in LAWS.items() if law_id[0] in "FGX" or Need.SERVER in law.needs]
)
def test_an_engine_with_a_server_keeps_the_laws_of_faults(law_id: str) -> None:
    finding = try_law(NetworkSuite(), LAWS[law_id], Settings(rounds=2))
    assert finding.outcome is Outcome.HELD, finding.told
    assert finding.server == "small server 1"


class TwoMethods:
    """The smallest engine that there can be."""

    def __init__(self, path: str) -> None:
        engine = FileEngine(path)
        self.events = engine.events
        self.persist = engine.persist


class TwoMethodsSuite(ConformanceSuite):
    """An engine without any ability."""

    def engine(self) -> PersistenceEngine:
        return TwoMethods(str(self.folder / "journal"))

    def reopen(self) -> PersistenceEngine:
        return self.engine()


def test_laws_of_abilities_that_an_engine_does_not_have_are_not_offered() -> None:
    outcomes = {
        law_id: try_law(TwoMethodsSuite(), law, Settings(rounds=1)).outcome for law_id, law in QUICK_LAWS.items()
    }
    for law_id, outcome in outcomes.items():
        needs = set(LAWS[law_id].needs) & set(ABILITIES)
        assert outcome is (Outcome.NOT_OFFERED if needs else Outcome.HELD), law_id
    assert {outcomes[law_id] for law_id in ("J-03", "C-11", "X-01", "R-01")} == {Outcome.HELD}
