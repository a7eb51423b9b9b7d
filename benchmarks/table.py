"""Results as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.results import CaseResult, SubjectResult, TargetResult

SHOWN = (50, 95, 99, 99.9)
"""Of the percentiles."""


def heading(about: dict[str, Any]) -> str:
    """Where and how it was measured."""
    machine, rounds = about["machine"], about["rounds"]
    peers = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    return (
        f"{about['date']}, {about['python']}, Node {about['node'] or 'not here'}, SQLite {about['sqlite']}\n"
        f"{machine['processor']}, {machine['processors']} of them, load {machine['load']:.1f}, {machine['system']}\n"
        f"{peers}\n"
        f"Medians of {rounds} rounds, or as noted, in which the subjects take turns, each in its own process,\n"
        "warmed up, with default garbage collection. Ratios are medians of the rounds' ratios: only they count.\n"
        + (
            "This is a quick run: it shows that everything works, and its figures mean nothing.\n"
            if about["quick"]
            else ""
        )
    )


def table(result: CaseResult) -> str:
    """One case: a line for each subject, its targets beside it."""
    case = result.case
    rows: list[tuple[str, ...]] = [("", case.unit, "lowest", "highest", f"x {case.reference}", "targets")]
    rows += [_row(result, subject) for subject in result.subjects]
    rounds = max((len(subject.figures) for subject in result.subjects), default=0)
    latencies = [line for subject in result.subjects for line in _latencies(subject)]
    return "\n".join([f"{case.name} (n = {result.n:,}, rounds: {rounds})", _aligned(rows), *latencies])


def summary(results: Sequence[CaseResult]) -> str:
    """How many targets were met, and which were not."""
    reached = [(result.case.name, target) for result in results for target in result.targets()]
    missed = [f"  {name}: {one.target.subject}, {_described(one)}" for name, one in reached if one.met is False]
    unknown = sum(target.met is None for _, target in reached)
    line = f"{len(reached)} targets: {sum(bool(target.met) for _, target in reached)} met, {len(missed)} missed"
    return "\n".join([line + (f", {unknown} not measured" if unknown else ""), *missed])


def _row(result: CaseResult, subject: SubjectResult) -> tuple[str, ...]:
    name, middle, figures = subject.subject.name, subject.median, subject.figures
    if middle is None:
        return name, "", "", "", "", f"not here: {subject.absent}" if subject.absent else _failure(subject)
    ratio = result.ratio(name, result.case.reference)
    targets = [_described(target) for target in result.targets() if target.target.subject == name]
    if subject.failure:
        targets.append(_failure(subject))
    shown = "" if ratio is None else f"{ratio:.2f}"
    return name, _figure(middle), _figure(min(figures)), _figure(max(figures)), shown, "; ".join(targets)


def _latencies(subject: SubjectResult) -> Iterable[str]:
    if told := subject.distribution:
        shown = [f"p{percent:g} {_figure(at)}" for percent, at in told.percentiles.items() if percent in SHOWN]
        yield f"{subject.subject.name}: {', '.join(shown)}, longest of {told.count:,}: {_figure(told.longest)} ms"


def _failure(subject: SubjectResult) -> str:
    return f"FAILED in round {len(subject.figures) + 1}: {subject.failure.splitlines()[0]}"


def _described(result: TargetResult) -> str:
    target = result.target
    of = f" x {target.of}" if target.of else ""
    stretch = f" (stretch {_figure(target.stretch)})" if target.stretch else ""
    if result.reached is None:
        return f"{_figure(target.bound)}{of}{stretch}: not measured"
    return f"{_figure(target.bound)}{of}{stretch}: {_figure(result.reached)} {'met' if result.met else 'MISSED'}"


def _figure(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"  # noqa: PLR2004 - three digits either way


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in {0, len(widths) - 1} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
