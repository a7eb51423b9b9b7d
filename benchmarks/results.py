"""What was measured, and what follows from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from benchmarks.latency import Distribution, Latencies, distribution
from benchmarks.model import Case, Figure, Subject, Target


@dataclass(slots=True)
class SubjectResult:
    """A subject's figures, one a round; or why there are none."""

    subject: Subject
    figures: list[float] = field(default_factory=list)
    absent: str = ""
    failure: str = ""
    milliseconds: list[float] = field(default_factory=list)

    def take(self, figure: Figure) -> None:
        """Takes in what a sample gave."""
        if isinstance(figure, Latencies):
            self.milliseconds.extend(figure.milliseconds)
            self.figures.append(figure.figure)
        else:
            self.figures.append(float(figure))

    @property
    def distribution(self) -> Distribution | None:
        """How long the operations of all rounds took, where that was measured."""
        return distribution(self.milliseconds) if self.milliseconds else None

    @property
    def median(self) -> float | None:
        """The figure in the middle, if there is any."""
        return median(self.figures) if self.figures else None


@dataclass(frozen=True, slots=True)
class TargetResult:
    """How far a target was reached: `reached` is `None` if it couldn't be measured here."""

    target: Target
    reached: float | None
    met: bool | None


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The figures of one case."""

    case: Case
    n: int
    subjects: list[SubjectResult]

    def ratio(self, name: str, other: str) -> float | None:
        """The median of the ratios of two subjects' figures, round by round; `None` if one of them wasn't measured."""
        of_name, of_other = self._figures(name), self._figures(other)
        # A subject that failed in a later round has fewer figures.
        ratios = [mine / theirs for mine, theirs in zip(of_name, of_other, strict=False)]
        return median(ratios) if ratios else None

    def targets(self) -> list[TargetResult]:
        """The case's targets, each with what was reached."""
        return [self._target(target) for target in self.case.targets]

    def _target(self, target: Target) -> TargetResult:
        if target.of is not None:
            reached = self.ratio(target.subject, target.of)
        else:
            figures = self._figures(target.subject)
            reached = median(figures) if figures else None
        if reached is None:
            return TargetResult(target, None, None)
        met = reached <= target.bound if self.case.less_is_better else reached >= target.bound
        return TargetResult(target, reached, met)

    def _figures(self, name: str) -> list[float]:
        return next((result.figures for result in self.subjects if result.subject.name == name), [])

    def as_json(self) -> dict[str, Any]:
        """All of it, as JSON data."""
        return {
            "name": self.case.name,
            "unit": self.case.unit,
            "n": self.n,
            "reference": self.case.reference,
            "limit": self.case.limit or self.case.reference,
            "less_is_better": self.case.less_is_better,
            "subjects": [self._subject_as_json(result) for result in self.subjects],
            "targets": [
                {**asdict(result.target), "reached": result.reached, "met": result.met} for result in self.targets()
            ],
        }

    def _subject_as_json(self, result: SubjectResult) -> dict[str, Any]:
        told = result.distribution
        latencies = told and {
            "count": told.count,
            "percentiles": {f"{percent:g}": _short(value) for percent, value in told.percentiles.items()},
            "longest": _short(told.longest),
        }
        return {
            "name": result.subject.name,
            "n": max(1, int(self.n * result.subject.share)),
            "writers": result.subject.writers,
            "stored": result.subject.stored,
            "series": result.subject.series,
            "figures": [_short(figure) for figure in result.figures],
            "median": result.median and _short(result.median),
            "ratio": self.ratio(result.subject.name, self.case.reference),
            "latencies": latencies,
            "absent": result.absent or None,
            "failure": result.failure or None,
        }


def _short(figure: float) -> float:
    """Six digits: the file is for people, too."""
    return float(f"{figure:.6g}")
