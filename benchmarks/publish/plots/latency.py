"""How long an actor waits for a persist: the whole distribution, its end drawn as wide as its middle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log10

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.publish.circumstances import caption
from benchmarks.publish.figures import tick
from benchmarks.publish.numbers import ENGINES
from benchmarks.publish.plots.style import MARKERS, NACT, NACT_TOO, PEERS, Line, Sheet, draw, plain
from benchmarks.publish.results import CaseFigures, SubjectFigures, SuiteFigures

_ONE, _MANY = "latency of a persist, one actor", "latency of a persist, 1000 actors"
_TICKS = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99)


def latency(suites: Mapping[str, SuiteFigures]) -> bytes | None:
    """One panel for each engine; nothing, if none was measured."""
    engines = [(name, suites[name]) for name in ENGINES if name in suites and _lines(suites[name])]
    if not engines:
        return None
    told = [*caption(engines), "Each writer begins its next write when the last one is done, as fast as it can."]
    sheet = Sheet("How long a persist takes: percentiles of the wait", len(engines), caption=told)
    for axes, (name, suite) in zip(sheet.axes, engines, strict=True):
        _panel(axes, ENGINES[name], _lines(suite))
    return sheet.svg()


def _panel(axes: Axes, title: str, lines: Sequence[Line]) -> None:
    plain(axes, title, x="percentile", y="milliseconds")
    axes.set_yscale("log")
    waits = [y for line in lines for _, y in line.points]
    axes.set_ylim(min(waits) / 1.6, max(waits) * 1.6)
    most = max(x for line in lines for x, _ in line.points)
    ticks = [tick for tick in _TICKS if _nines(tick) <= most + 1e-9]
    axes.set_xlim(-0.05, most + 0.05)
    axes.set_xticks([_nines(tick) for tick in ticks], [f"{tick:g}" for tick in ticks])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda wait, _: tick(wait)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    draw(axes, lines, log_y=True)


def _lines(suite: SuiteFigures) -> list[Line]:
    lines: list[Line] = []
    for case, label, colour in ((suite.case(_ONE), "1 actor", NACT), (suite.case(_MANY), "1000 actors", NACT_TOO)):
        if case and (ours := case.ours()) and ours.latencies:
            lines.append(_line(ours, f"nact, {label}", colour, "o", 2.4))
            lines += _peers(case, len(lines))
    return lines


def _peers(case: CaseFigures, known: int) -> Iterable[Line]:
    others = [subject for subject in case.measured() if not subject.is_ours and subject.latencies]
    for place, subject in enumerate(others, start=known - 1):
        look = place % len(PEERS)
        yield _line(subject, subject.name, PEERS[look], MARKERS[look], 1.6)


def _line(subject: SubjectFigures, label: str, colour: str, marker: str, width: float) -> Line:
    percentiles = subject.latencies.percentiles if subject.latencies else {}
    points = [(_nines(float(percent)), wait) for percent, wait in percentiles.items()]
    return Line(label=label, points=points, colour=colour, marker=marker, width=width)


def _nines(percent: float) -> float:
    """90 at 1, 99 at 2, 99.9 at 3."""
    return -log10(1 - percent / 100)
