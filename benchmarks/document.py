"""The file that results go to: each suite with the machine, the versions and the date that its figures come from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.results import CaseResult

SuiteDocument: TypeAlias = dict[str, Any]

SAME = ("machine", "python", "node", "sqlite", "packages", "rounds", "quick")
"""What cases have to have in common that stand in one suite, though they ran at different times."""


class OtherCircumstancesError(Exception):
    """Cases can't be taken into a suite that was measured elsewhere, or otherwise."""


def suite_document(
    circumstances: Mapping[str, Any], about: str, versions: Mapping[str, str], results: Sequence[CaseResult]
) -> SuiteDocument:
    """One suite's part of the file."""
    date = circumstances["date"]
    cases = [{**result.as_json(), "date": date} for result in results]
    return {**circumstances, "about": about, "versions": dict(versions), "cases": cases}


class ResultsFile:
    """Is written again with every case, so whoever stops a run keeps what was measured.

    Attributes:
        before: The suites that it held, by name, if they are to be kept.
    """

    def __init__(self, path: Path, *, keep: bool) -> None:
        self._path = path
        self.before: Mapping[str, SuiteDocument] = {}
        if keep and path.exists():
            self.before = json.loads(path.read_text(encoding="utf-8"))["suites"]
        self._suites = dict(self.before)

    def put(self, name: str, suite: SuiteDocument, *, beside_others: bool) -> None:
        """Puts a suite into the file: in the place of the one that was there, or only its cases in that of theirs.

        A suite that couldn't be measured here replaces nothing.
        """
        before = self.before.get(name)
        if before is not None and not any(_was_measured(case) for case in suite["cases"]):
            return
        self._suites[name] = suite if before is None or not beside_others else _with_cases(before, suite)
        text = json.dumps({"suites": dict(sorted(self._suites.items()))}, indent=1, ensure_ascii=False)
        self._path.write_text(text + "\n", encoding="utf-8")


def check_same_circumstances(known: SuiteDocument, now: Mapping[str, Any]) -> None:
    """Returns if cases that are measured now can stand beside those that are known.

    Raises:
        OtherCircumstancesError: Otherwise. Says what differs.
    """
    differ = [name for name in SAME if _compared(known.get(name)) != _compared(now.get(name))]
    if differ:
        raise OtherCircumstancesError(f"not the same as when the other cases ran: {', '.join(differ)}; run all cases")


def _with_cases(before: SuiteDocument, new: SuiteDocument) -> SuiteDocument:
    """The suite with its new cases in the place of the old ones. It has the later date; each case has its own."""
    cases = {case["name"]: case for case in [*before["cases"], *new["cases"]]}
    return {**new, "cases": list(cases.values())}


def _was_measured(case: dict[str, Any]) -> bool:
    return any(subject["absent"] is None for subject in case["subjects"])


def _compared(value: Any) -> Any:
    """The load of a machine is no property of it."""
    return {name: part for name, part in value.items() if name != "load"} if isinstance(value, dict) else value
