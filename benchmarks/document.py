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


def read(path: Path) -> dict[str, SuiteDocument]:
    """The suites of a file, by name; none, if there is no file."""
    if not path.exists():
        return {}
    suites: dict[str, SuiteDocument] = json.loads(path.read_text(encoding="utf-8"))["suites"]
    return suites


def write(path: Path, suites: Mapping[str, SuiteDocument]) -> None:
    """Makes the file, the suites in the order of their names."""
    text = json.dumps({"suites": dict(sorted(suites.items()))}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def check_same_circumstances(known: SuiteDocument, now: Mapping[str, Any]) -> None:
    """Returns if cases that are measured now can stand beside those that are known.

    Raises:
        OtherCircumstancesError: Otherwise. Says what differs.
    """
    differ = [name for name in SAME if _compared(known.get(name)) != _compared(now.get(name))]
    if differ:
        raise OtherCircumstancesError(f"not the same as when the other cases ran: {', '.join(differ)}; run all cases")


def with_cases(known: SuiteDocument, new: SuiteDocument) -> SuiteDocument:
    """The suite with its new cases in the place of the old ones. It has the later date; each case has its own."""
    cases = {case["name"]: case for case in [*known["cases"], *new["cases"]]}
    return {**new, "cases": list(cases.values())}


def _compared(value: Any) -> Any:
    """The load of a machine is no property of it."""
    return {name: part for name, part in value.items() if name != "load"} if isinstance(value, dict) else value
