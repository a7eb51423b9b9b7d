"""How fast a long journal is read: by `events()`, by an actor that recovers, and by others."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.ticker import FuncFormatter

from benchmarks.publish.circumstances import caption
from benchmarks.publish.figures import tick
from benchmarks.publish.numbers import ENGINES, READ
from benchmarks.publish.plots.style import NACT, PEERS, RAW, Sheet, bars, plain
from benchmarks.publish.results import CaseFigures, SubjectFigures, SuiteFigures


def replay(suites: Mapping[str, SuiteFigures]) -> bytes | None:
    """One panel for each engine; nothing, if none was measured."""
    engines = [(name, suites[name], case) for name in ENGINES if name in suites and (case := suites[name].case(READ))]
    if not engines:
        return None
    told = caption([(name, suite) for name, suite, _ in engines])
    sheet = Sheet(
        "One actor's journal of 100,000 events, read: events a second", len(engines), caption=told, columns=1, row=2.1
    )
    sheet.adjust(left=0.27, right=0.95)
    for axes, (name, _, case) in zip(sheet.axes, engines, strict=True):
        plain(axes, ENGINES[name])
        bars(axes, [(subject.name, subject.median or 0, _colour(case, subject)) for subject in case.measured()])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: tick(rate)))
    return sheet.svg()


def _colour(case: CaseFigures, subject: SubjectFigures) -> str:
    if subject.is_ours:
        return NACT
    return RAW if subject.name.partition(",")[0] == case.limit.partition(",")[0] else PEERS[0]
