"""The conformance kit's reports, in the short form that stands in `docs/measured/conformance`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

_SAYS_NOTHING = ("Test", "File", "Oldest", "Newest", "Server", "Engine", "Suite", "On")
"""Of the words of a suite's class."""

_WORST_FIRST = (
    "broken",
    "held, though declared",
    "not run",
    "replaced",
    "declared",
    "not tested",
    "not offered",
)
"""The outcomes of laws that didn't just hold."""


class Law(msgspec.Struct, frozen=True):
    """What became of a law."""

    law_id: str
    law: str | None
    guarantee: int
    outcome: str
    told: str


class _Subject(msgspec.Struct, frozen=True):
    name: str
    engine: str
    server: str
    conformant: bool
    verdict: str
    laws: Sequence[Law]


class _WholeReport(msgspec.Struct, frozen=True):
    kit: str
    date: str
    python: str
    subjects: Sequence[_Subject]


class Report(msgspec.Struct, frozen=True):
    """What the kit found about one engine on one server.

    Attributes:
        held: How many laws of each guarantee held, by its number.
        others: The laws that didn't just hold.
    """

    engine: str
    server: str
    kit: str
    date: str
    python: str
    conformant: bool
    verdict: str
    held: Mapping[str, int]
    others: Sequence[Law]

    def outcomes(self, guarantee: int) -> Counter[str]:
        """How many laws of a guarantee had which outcome."""
        counts = Counter(law.outcome for law in self.others if law.guarantee == guarantee)
        counts["held"] = self.held.get(str(guarantee), 0)
        return counts


def taken_from(path: Path) -> dict[str, Report]:
    """The short forms of what pytest wrote to a file, or to a folder's files, by name, as `postgres-17`.

    The name is the file's, the server's major version, and what the suite's class is called beside `Test...Server`.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    found: dict[str, Report] = {}
    for file in files:
        whole = msgspec.json.decode(file.read_bytes(), type=_WholeReport)
        for subject in whole.subjects:
            found[_name(file.stem, subject)] = _shortened(whole, subject)
    return found


def _name(engine: str, subject: _Subject) -> str:
    version = re.search(r"\d+", subject.server)
    words = re.findall(r"[A-Z][a-z]*(?:[A-Z](?![a-z]))*", subject.name.rpartition("::")[2].partition("[")[0])
    told = [word.lower() for word in words if word not in _SAYS_NOTHING]
    return "-".join([engine, *([version[0]] if version else []), *told])


def _shortened(whole: _WholeReport, subject: _Subject) -> Report:
    held = Counter(str(law.guarantee) for law in subject.laws if law.outcome == "held")
    return Report(
        engine=subject.engine,
        server=subject.server,
        kit=whole.kit,
        date=whole.date,
        python=whole.python,
        conformant=subject.conformant,
        verdict=subject.verdict,
        held=dict(sorted(held.items(), key=lambda item: int(item[0]))),
        others=[_first_line(law) for law in subject.laws if law.outcome != "held"],
    )


def combined(reports: Sequence[Report]) -> Report:
    """One report of an engine on all its servers: of each law the worst that was found anywhere.

    All are of the same kit, so that of each law of a guarantee something was found.
    """
    first = reports[0]
    others: dict[str, Law] = {}
    for law in (law for report in reports for law in report.others):
        known = others.get(law.law_id)
        if known is None or _WORST_FIRST.index(law.outcome) < _WORST_FIRST.index(known.outcome):
            others[law.law_id] = law
    totals = {number: first.held.get(number, 0) for number in first.held}
    for law in first.others:
        totals[str(law.guarantee)] = totals.get(str(law.guarantee), 0) + 1
    for law in others.values():
        totals[str(law.guarantee)] -= 1
    return msgspec.structs.replace(
        first,
        server=", ".join(dict.fromkeys(report.server for report in reports if report.server)),
        conformant=all(report.conformant for report in reports),
        verdict=next((report.verdict for report in reports if not report.conformant), first.verdict),
        held=totals,
        others=sorted(others.values(), key=lambda law: law.law_id),
    )


def write(folder: Path, name: str, report: Report) -> None:
    """Puts the report among the others."""
    folder.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(report), indent=1)
    Path(folder, f"{name}.json").write_bytes(text + b"\n")


def read(folder: Path) -> dict[str, Report]:
    """All reports of the folder, by name: embedded engines first, then by database, the older server first."""
    found = {path.stem: msgspec.json.decode(path.read_bytes(), type=Report) for path in folder.glob("*.json")}
    return dict(sorted(found.items(), key=lambda item: (bool(item[1].server), _natural(item[0]))))


def _natural(name: str) -> list[tuple[bool, int, str]]:
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in name.split("-")]


def _first_line(law: Law) -> Law:
    lines = law.told.splitlines()
    return msgspec.structs.replace(law, told=lines[0] if lines else "")
