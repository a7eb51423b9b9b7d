"""Gathers what pytest did with the laws, decides, and writes the reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from nact_conformance._reporting.finding import Finding, Outcome
from nact_conformance._reporting.rendering import as_json, as_markdown, as_terminal
from nact_conformance._reporting.verdict import Subject
from nact_conformance.law import laws_of
from nact_conformance.suite import ConformanceSuite

IDENTITY = "nact_conformance_law"
FINDING = "nact_conformance_finding"


class Reporting:
    """Makes the kit's reports of pytest's. Works in the controller of pytest-xdist, too, which collects nothing."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._subjects: dict[str, Subject] = {}
        self._is_worker = hasattr(config, "workerinput")

    def identify(self, items: list[pytest.Item]) -> None:
        """Marks the tests that are laws, so that the report of each names its law, however it ends."""
        for item in items:
            suite = getattr(item, "cls", None)
            if isinstance(suite, type) and issubclass(suite, ConformanceSuite):
                self._mark(cast("pytest.Function", item), suite)

    def _mark(self, item: pytest.Function, suite: type[ConformanceSuite]) -> None:
        scheme = (self._config.getoption("engine_url") or "").partition(":")[0]  # the rest may hold a password
        if suite.__module__ == "nact_conformance.test_engine" and not scheme:
            raise pytest.UsageError("nact_conformance: say which engine with --engine-url=URL")
        found = getattr(item.function, "law", None)
        if not found:
            return
        name = f"{scheme}://" if suite.__module__ == "nact_conformance.test_engine" else _subject_name(item)
        identity = {"subject": name, "law": found.id, "replaced": _replaced(suite)}
        item.user_properties.insert(0, (IDENTITY, identity))

    def take(self, report: pytest.TestReport) -> None:
        """Records the end of a law's trial."""
        properties = dict(report.user_properties)
        identity = cast("dict[str, Any]", properties[IDENTITY])
        name = str(identity["subject"])
        subject = self._subjects.setdefault(name, Subject(name, laws_of(ConformanceSuite)))
        for law_id in identity["replaced"]:
            told = "a test of the same name stands in its place"
            subject.findings[law_id] = Finding(law_id=law_id, outcome=Outcome.REPLACED, told=told)
        found = properties.get(FINDING)
        finding = Finding.from_json(cast("dict[str, object]", found)) if found is not None else None
        if report.failed and (finding is None or finding.outcome is Outcome.HELD):
            told = f"happened: the test failed in its {report.when}, outside of the law: {_last_line(report)}"
            subject.take(Finding(law_id=identity["law"], outcome=Outcome.BROKEN, told=told))
        elif finding is not None:
            subject.take(finding)
        elif not report.passed:
            told = f"{report.outcome} by the session, not by the kit"
            subject.take(Finding(law_id=identity["law"], outcome=Outcome.NOT_RUN, told=told))

    def finish(self, session: pytest.Session) -> None:
        """Writes the files, and sets the exit status: 0 only if every engine is conformant."""
        if self._is_worker:
            return
        subjects = list(self._subjects.values())
        for option, render in (("conformance_report", as_json), ("conformance_markdown", as_markdown)):
            if place := self._config.getoption(option):
                Path(place).write_text(render(subjects), encoding="utf-8")
        nothing_tried = not subjects and self._config.getoption("engine_url")
        if nothing_tried or not all(subject.verdict.conformant for subject in subjects):
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def show(self, terminal: pytest.TerminalReporter) -> None:
        """Shows the tables of guarantees."""
        if not self._subjects and self._config.getoption("engine_url"):
            terminal.section("conformance", red=True)
            terminal.line("no law was tried: add --pyargs nact_conformance, or a subclass of ConformanceSuite")
        for subject in self._subjects.values():
            good = subject.verdict.conformant
            terminal.section(f"conformance of {subject.name}", green=good, red=not good)
            for line in as_terminal(subject):
                terminal.line(line)


def _subject_name(item: pytest.Function) -> str:
    """The suite's node id; a suite that runs for several parameters is a subject for each of them."""
    parent = item.nodeid.rpartition("::")[0]
    parameters = item.nodeid.partition("[")[2]
    return f"{parent}[{parameters}" if parameters else parent


def _last_line(report: pytest.TestReport) -> str:
    lines = [line for line in report.longreprtext.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason was given"


def _replaced(suite: type[ConformanceSuite]) -> list[str]:
    """The ids of laws that the suite has overridden."""
    there = [getattr(getattr(suite, law.name, None), "law", None) for law in laws_of(ConformanceSuite).values()]
    kept = {found.id for found in there if found is not None}
    return [law_id for law_id in laws_of(ConformanceSuite) if law_id not in kept]
