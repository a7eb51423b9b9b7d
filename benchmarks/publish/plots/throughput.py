"""How many events a second engines take, by the number of actors that persist at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from benchmarks.publish.circumstances import caption
from benchmarks.publish.figures import tick
from benchmarks.publish.numbers import ENGINES, MANY, ONE
from benchmarks.publish.plots.style import MARKERS, NACT, PEERS, RAW, Line, Point, Sheet, draw, plain
from benchmarks.publish.results import CaseFigures, SuiteFigures

NUMBERS = {ONE: 1, "persist, 10 actors": 10, "persist, 100 actors": 100, MANY: 1000, "persist, 10,000 actors": 10_000}


def throughput(suites: Mapping[str, SuiteFigures]) -> bytes | None:
    """One panel for each engine; nothing, if none was measured."""
    engines = [(name, suites[name]) for name in ENGINES if name in suites and _lines(suites[name])]
    if not engines:
        return None
    sheet = Sheet(
        "Events persisted a second, by how many actors persist at once", len(engines), caption=caption(engines)
    )
    for axes, (name, suite) in zip(sheet.axes, engines, strict=True):
        _panel(axes, ENGINES[name], _lines(suite))
    return sheet.svg()


def _panel(axes: Axes, title: str, lines: Sequence[Line]) -> None:
    plain(axes, title, x="actors", y="events/s")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(0.8, 12_500)
    rates = [y for line in lines for _, y in line.points]
    axes.set_ylim(min(rates) / 1.6, max(rates) * 1.6)
    axes.set_xticks(list(NUMBERS.values()), [f"{number:,}" for number in NUMBERS.values()])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda rate, _: tick(rate)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    draw(axes, lines, log_y=True)


def _lines(suite: SuiteFigures) -> list[Line]:
    cases = [(number, case) for name, number in NUMBERS.items() if (case := suite.case(name))]
    ours = [(float(number), found.median) for number, case in cases if (found := case.ours()) and found.median]
    if not ours:
        return []
    lines = [Line(label="nact", points=ours, colour=NACT, width=2.4)]
    lines += list(_limit(suite))
    peers = sorted({subject.series for _, case in cases for subject in case.measured() if subject.series})
    for place, peer in enumerate(peers):
        look = place % len(PEERS)
        lines.append(Line(label=peer, points=_points(peer, cases), colour=PEERS[look], marker=MARKERS[look]))
    return lines


def _points(peer: str, cases: Iterable[tuple[int, CaseFigures]]) -> list[Point]:
    return [
        (float(number), subject.median)
        for number, case in cases
        for subject in case.measured()
        if subject.series == peer and subject.median
    ]


def _limit(suite: SuiteFigures) -> Iterable[Line]:
    """What the storage can do at best, whoever asks it: measured beside 1000 actors."""
    case = suite.case(MANY)
    if case and (ours := case.ours()) and (limit := case.limit_for(ours)) and limit.median:
        name = limit.name.rpartition(": ")[2]
        points = [(1.0, limit.median), (10_000.0, limit.median)]
        yield Line(label=f"raw: {name}", points=points, colour=RAW, marker="", dashed=True)
