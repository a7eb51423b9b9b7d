"""What an author declares is checked before any law is tried."""

from __future__ import annotations

from typing import Any

import pytest

from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistenceEngine
from nact_conformance._reporting.finding import Outcome
from nact_conformance._trying.running import try_law
from nact_conformance._trying.trial import Settings
from nact_conformance.law import laws_of
from nact_conformance.suite import ConformanceSuite, Requirements

LAWS = laws_of(ConformanceSuite)


class Suite(ConformanceSuite):
    """On the in-memory engine."""

    store: MemoryStorage

    def engine(self) -> PersistenceEngine:
        self.store = MemoryStorage()
        return MemoryPersistenceEngine(self.store)


def test_a_law_that_does_not_exist_cannot_be_declared() -> None:
    with pytest.raises(ValueError, match="Z-99"):
        type("Declares", (Suite,), {"requirements": Requirements(cannot_keep={"Z-99": "why not"})})


def test_a_law_is_declared_with_a_reason() -> None:
    with pytest.raises(ValueError, match="J-01"):
        type("Declares", (Suite,), {"requirements": Requirements(cannot_keep={"J-01": " "})})


def test_an_engine_that_is_a_fixture_is_refused_with_advice() -> None:
    def engine(self: object) -> PersistenceEngine:
        return MemoryPersistenceEngine()

    with pytest.raises(TypeError, match="plain method"):
        type("Fixture", (ConformanceSuite,), {"engine": pytest.fixture(engine)})


def test_a_declared_law_that_holds_is_found_out() -> None:
    suite = Suite()
    suite.requirements = Requirements(cannot_keep={"J-01": "can't be"})
    finding = try_law(suite, LAWS["J-01"])
    assert finding.outcome is Outcome.HELD_THOUGH_DECLARED
    assert "can't be" in finding.told


def test_a_declared_law_that_does_not_hold_is_told_with_its_reason() -> None:
    class Wrong(MemoryPersistenceEngine):
        def events(self, key: str, **window: Any) -> Any:
            return super().events("another key")

    suite = Suite()
    suite.requirements = Requirements(cannot_keep={"J-01": "can't be"})
    suite.engine = Wrong  # type: ignore[method-assign]
    finding = try_law(suite, LAWS["J-01"])
    assert (finding.outcome, finding.told) == (Outcome.DECLARED, "can't be")


@pytest.mark.parametrize(
    ("law_id", "outcome"),
    [("J-12", Outcome.NOT_RUN), ("P-01", Outcome.NOT_RUN), ("F-01", Outcome.NOT_TESTED), ("M-01", Outcome.NOT_TESTED)],
)
def test_a_law_whose_needs_are_not_met_says_which(law_id: str, outcome: Outcome) -> None:
    finding = try_law(Suite(), LAWS[law_id])
    assert finding.outcome is outcome
    assert "give " in finding.told


def test_an_engine_that_hangs_fails_with_a_sentence() -> None:
    class Hangs(MemoryPersistenceEngine):
        async def persist(self, event: Any) -> None:
            import asyncio  # noqa: PLC0415

            await asyncio.Event().wait()

    suite = Suite()
    suite.engine = Hangs  # type: ignore[method-assign]
    finding = try_law(suite, LAWS["J-01"], Settings(timeout=0.1))
    assert finding.outcome is Outcome.BROKEN
    assert "it did neither within 0.1 s" in finding.told


def test_an_engine_that_blocks_the_event_loop_fails_with_a_sentence() -> None:
    class Blocks(MemoryPersistenceEngine):
        async def persist(self, event: Any) -> None:
            import time  # noqa: PLC0415

            time.sleep(60)  # noqa: ASYNC251

    suite = Suite()
    suite.engine = Blocks  # type: ignore[method-assign]
    finding = try_law(suite, LAWS["J-01"], Settings(timeout=0.1, law_timeout=0.2))
    assert finding.outcome is Outcome.BROKEN
    assert "never blocks the event loop" in finding.told


def test_an_error_of_the_driver_is_no_error_of_the_contract() -> None:
    class Leaks(MemoryPersistenceEngine):
        async def persist(self, event: Any) -> None:
            raise ConnectionResetError("peer")

    suite = Suite()
    suite.engine = Leaks  # type: ignore[method-assign]
    finding = try_law(suite, LAWS["J-01"])
    assert "promised: an engine raises the errors of nact.errors and nothing else" in finding.told
    assert "raised ConnectionResetError: peer" in finding.told
