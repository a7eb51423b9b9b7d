"""The results of benchmarks, as they are read from their file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

import msgspec

_OURS = re.compile(r"(\w+: )?nact(?! JS)(?![\w-])")
"""As a subject is called that is nact, perhaps behind the driver that it runs on."""


class Latencies(msgspec.Struct, frozen=True):
    """How long single operations took, in milliseconds by percentile."""

    count: int
    percentiles: Mapping[str, float]
    longest: float


class SubjectFigures(msgspec.Struct, frozen=True):
    """What was measured of one subject."""

    name: str
    figures: Sequence[float]
    median: float | None
    writers: int = 1
    stored: int = 0
    series: str = ""
    latencies: Latencies | None = None
    absent: str | None = None
    failure: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is nact for Python."""
        return _OURS.match(self.name) is not None


class TargetFigures(msgspec.Struct, frozen=True):
    """What should be reached, and what was."""

    subject: str
    bound: float
    of: str | None
    stretch: float | None
    reached: float | None
    met: bool | None


class CaseFigures(msgspec.Struct, frozen=True):
    """What was measured of one case."""

    name: str
    unit: str
    reference: str
    limit: str
    less_is_better: bool
    date: str
    subjects: Sequence[SubjectFigures]
    targets: Sequence[TargetFigures]

    def subject(self, name: str) -> SubjectFigures | None:
        """The subject of this name, if it was measured."""
        return next((found for found in self.measured() if found.name == name), None)

    def measured(self) -> Iterable[SubjectFigures]:
        """Those that have figures."""
        return (subject for subject in self.subjects if subject.median is not None)

    def ours(self, ending: str = "nact") -> SubjectFigures | None:
        """nact, on the first driver if there are several."""
        found = (subject for subject in self.measured() if subject.is_ours)
        return next((subject for subject in found if subject.name.rpartition(": ")[2] == ending), None)

    def ratio(self, subject: SubjectFigures, other: SubjectFigures) -> float:
        """The median of the rounds' ratios, as the benchmarks themselves compare."""
        return median(mine / theirs for mine, theirs in zip(subject.figures, other.figures, strict=False))

    def limit_for(self, subject: SubjectFigures) -> SubjectFigures | None:
        """The raw limit, on the subject's driver."""
        driver, colon, _ = subject.name.rpartition(": ")
        own = driver + colon + self.limit.rpartition(": ")[2]
        return self.subject(own) or self.subject(self.limit)


class Machine(msgspec.Struct, frozen=True):
    """What the figures come from."""

    processor: str
    processors: int
    load: float
    system: str


class SuiteFigures(msgspec.Struct, frozen=True):
    """What was measured of one suite, where and when."""

    about: str
    date: str
    machine: Machine
    python: str
    node: str | None
    sqlite: str
    packages: Mapping[str, str]
    versions: Mapping[str, str]
    rounds: int
    quick: bool
    cases: Sequence[CaseFigures]

    def case(self, name: str) -> CaseFigures | None:
        """The case of this name, if it was measured."""
        return next((case for case in self.cases if case.name == name), None)


class _Document(msgspec.Struct, frozen=True):
    suites: Mapping[str, SuiteFigures]


def read(paths: Sequence[Path]) -> dict[str, SuiteFigures]:
    """The suites of all these files, by name; of a suite that is in several, the one that was measured last."""
    found: dict[str, SuiteFigures] = {}
    for path in paths:
        for name, suite in msgspec.json.decode(path.read_bytes(), type=_Document).suites.items():
            if name not in found or suite.date > found[name].date:
                found[name] = suite
    return dict(sorted(found.items()))
