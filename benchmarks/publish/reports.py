"""The conformance kit's reports, in the short form that stands in `docs/measured/conformance`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec


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


class NoSuchSubjectError(Exception):
    """The report isn't about one engine only, or about none of that name."""


def shortened(path: Path, part: str = "") -> Report:
    """The short form of a report that pytest wrote, of the one subject that has `part` in its name.

    Raises:
        NoSuchSubjectError: There are none, or several.
    """
    whole = msgspec.json.decode(path.read_bytes(), type=_WholeReport)
    found = [subject for subject in whole.subjects if part in subject.name]
    if len(found) != 1:
        names = ", ".join(subject.name for subject in whole.subjects)
        raise NoSuchSubjectError(f"{path} has {len(found)} subjects with {part!r} in their names: {names or 'none'}")
    (subject,) = found
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
