"""Judges an engine by the findings about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nact_conformance._reporting.finding import Finding, Outcome
from nact_conformance._trying.law import GUARANTEES, Law
from nact_conformance._trying.needs import Need


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on an engine as a whole.

    Attributes:
        conformant: True if every law that concerns the engine was tried, and holds or was declared.
        words: The verdict in words.
    """

    conformant: bool
    words: str


@dataclass(slots=True)
class Subject:
    """One engine under test, and the findings about it.

    Attributes:
        name: The suite's node id.
        laws: Every law, by its id.
        findings: The findings, by the law's id. A law without one wasn't run.
    """

    name: str
    laws: Mapping[str, Law]
    findings: dict[str, Finding] = field(default_factory=dict)

    def take(self, finding: Finding) -> None:
        """Records a finding, unless there is one that says that the law was replaced or is broken (before a rerun)."""
        known = self.findings.get(finding.law_id)
        if known is None or known.outcome not in {Outcome.REPLACED, Outcome.BROKEN}:
            self.findings[finding.law_id] = finding

    def finding(self, law_id: str) -> Finding:
        """The finding about this law."""
        told = "deselected, skipped, or the session ended before"
        return self.findings.get(law_id) or Finding(law_id=law_id, outcome=Outcome.NOT_RUN, told=told)

    @property
    def law_ids(self) -> list[str]:
        """The kit's laws and those that the author added, sorted."""
        return sorted({*self.laws, *self.findings})

    def those(self, *outcomes: Outcome, guarantee: int | None = None) -> list[Finding]:
        """The findings with one of these outcomes, of one guarantee or all."""
        found = [self.finding(law_id) for law_id in self.law_ids if guarantee in {None, self.guarantee_of(law_id)}]
        return [finding for finding in found if finding.outcome in outcomes]

    def guarantee_of(self, law_id: str) -> int:
        """The number of the guarantee that the law belongs to; the last one for the author's own laws."""
        return self.laws[law_id].guarantee if law_id in self.laws else max(GUARANTEES)

    @property
    def engine(self) -> str:
        """The engine's class and version."""
        return next((found.engine for found in self.findings.values() if found.engine), "unknown engine")

    @property
    def server(self) -> str:
        """The server's version, empty where there is none."""
        return next((found.server for found in self.findings.values() if found.server), "")

    @property
    def verdict(self) -> Verdict:
        """The verdict. None is given if a law that concerns the engine wasn't tried."""
        if broken := self.those(Outcome.BROKEN, Outcome.HELD_THOUGH_DECLARED):
            return Verdict(False, f"NOT CONFORMANT: {_laws(len(broken))} failed")
        if absent := self.those(Outcome.NOT_RUN, Outcome.REPLACED):
            return Verdict(False, f"NOT JUDGED: {_laws(len(absent))} didn't run as the kit has them")
        declared = len(self.those(Outcome.DECLARED))
        words = f"CONFORMANT, except for {_laws(declared)} that it declares not to keep" if declared else "CONFORMANT"
        untested = [need.value.partition(":")[0] for need in Need if need.value in self._untested()]
        return Verdict(True, f"{words}; not tested for want of {' and of '.join(untested)}" if untested else words)

    def _untested(self) -> set[str]:
        return {finding.told for finding in self.those(Outcome.NOT_TESTED)}


def _laws(count: int) -> str:
    return f"{count} law" if count == 1 else f"{count} laws"
