"""Messages between actors in memory, beside other libraries."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.ticker import FuncFormatter, MaxNLocator

from benchmarks.publish.circumstances import caption
from benchmarks.publish.figures import tick
from benchmarks.publish.plots.style import NACT, NACT_TOO, PEERS, RAW, Sheet, bars, plain
from benchmarks.publish.results import SubjectFigures, SuiteFigures


def actors(suites: Mapping[str, SuiteFigures]) -> bytes | None:
    """One panel for each case; nothing, if they weren't measured."""
    suite = suites.get("actors")
    cases = [case for case in suite.cases if any(case.measured())] if suite else []
    if suite is None or not cases:
        return None
    sheet = Sheet(
        "Actors in memory: messages, or queries, a second", len(cases), caption=caption([("actors", suite)]), row=2.2
    )
    sheet.adjust(left=0.2, right=0.97, wspace=0.75)
    for axes, case in zip(sheet.axes, cases, strict=True):
        plain(axes, case.name)
        bars(axes, [(subject.name, subject.median or 0, _colour(subject)) for subject in case.measured()])
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: tick(rate)))
    return sheet.svg()


def _colour(subject: SubjectFigures) -> str:
    if subject.is_ours:
        return NACT if subject.name == "nact" else NACT_TOO
    return RAW if subject.name.startswith("bare") else PEERS[0]
