"""Whether it stays as fast when the journal has grown: everything in parts of what it was at the smallest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from benchmarks.publish.circumstances import caption
from benchmarks.publish.figures import tick
from benchmarks.publish.numbers import ENGINES
from benchmarks.publish.plots.style import NACT, NACT_TOO, PEERS, RAW, Line, Sheet, draw, plain
from benchmarks.publish.results import CaseFigures, SubjectFigures, SuiteFigures

_SIZE = re.compile(r"([\d,]+) ?(thousand|million)? (?:rows|events)$")
_TIMES = {"": 1, "thousand": 1_000, "million": 1_000_000}
_KINDS = (
    ("read", "read of 100 events", PEERS[1], "^"),
    ("1000", "persist, 1000 actors", NACT_TOO, "s"),
    ("", "persist, one actor", NACT, "o"),
)
"""What a case's name says, its label, colour and marker; the first that fits."""


def growth(suites: Mapping[str, SuiteFigures]) -> bytes | None:
    """One panel for each engine; nothing, if none was measured."""
    order = list(ENGINES)
    found = [(name, suite) for name, suite in suites.items() if _engine(name) in ENGINES and _lines(suite)]
    engines = sorted(found, key=lambda item: order.index(_engine(item[0])))
    if not engines:
        return None
    told = [*caption(engines), "In parts of the rate at the smallest journal: 1 is as fast as there."]
    sheet = Sheet("Speed as the journal grows", len(engines), caption=told)
    for axes, (name, suite) in zip(sheet.axes, engines, strict=True):
        _panel(axes, ENGINES[_engine(name)], _lines(suite))
    return sheet.svg()


def _engine(name: str) -> str:
    return name.partition("-")[0]


def _panel(axes: Axes, title: str, lines: Sequence[Line]) -> None:
    plain(axes, title, x="events stored before", y="rate, in parts of the first")
    axes.set_xscale("log")
    sizes = sorted({x for line in lines for x, _ in line.points})
    axes.set_xticks(sizes, [tick(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, max(1.25, *[y * 1.1 for line in lines for _, y in line.points]))
    draw(axes, lines, log_y=False)


def _lines(suite: SuiteFigures) -> list[Line]:
    return [line for case in suite.cases for line in _case(case)]


def _case(case: CaseFigures) -> Iterable[Line]:
    """A line for nact, and one for the driver, if that was measured too."""
    found: dict[str, list[tuple[int, SubjectFigures]]] = {}
    for subject in case.measured():
        if size := size_of(subject):
            found.setdefault(subject.name.partition(",")[0], []).append((size, subject))
    label, colour, marker = next(look for part, *look in _KINDS if part in case.name)
    for who, sized in found.items():
        first = sized[0][1]
        points = [(float(size), _relative(case, subject, first)) for size, subject in sized]
        if len(points) > 1 and first.is_ours:
            yield Line(label=label, points=points, colour=colour, marker=marker)
        elif len(points) > 1:
            yield Line(label=f"{who}: {label}", points=points, colour=RAW, marker=marker, dashed=True)


def size_of(subject: SubjectFigures) -> int:
    """How many events were stored before: as the subject says, or its name."""
    if subject.stored:
        return subject.stored
    if (found := _SIZE.search(subject.name)) is None:
        return 0
    return int(found[1].replace(",", "")) * _TIMES[found[2] or ""]


def _relative(case: CaseFigures, subject: SubjectFigures, first: SubjectFigures) -> float:
    return case.ratio(first, subject) if case.less_is_better else case.ratio(subject, first)
