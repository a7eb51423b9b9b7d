"""All files that are made, by their places."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl

from benchmarks.publish.guarantees import guarantees, guarantees_by_engine
from benchmarks.publish.numbers import numbers
from benchmarks.publish.plots.actors import actors
from benchmarks.publish.plots.growth import growth
from benchmarks.publish.plots.latency import latency
from benchmarks.publish.plots.replay import replay
from benchmarks.publish.plots.style import SETTINGS
from benchmarks.publish.plots.throughput import throughput
from benchmarks.publish.readme import with_table
from benchmarks.publish.reports import Report
from benchmarks.publish.results import SuiteFigures

PLOTS = {"throughput": throughput, "latency": latency, "replay": replay, "growth": growth, "actors": actors}


class NothingMeasuredError(Exception):
    """There is nothing to make pages from."""


def pages(
    suites: Mapping[str, SuiteFigures], reports: Mapping[str, Report], readme: Path, folder: Path
) -> dict[Path, bytes]:
    """What each file should hold. A plot without figures isn't made.

    Raises:
        NothingMeasuredError: There are no results, or no reports.
        NoMarksError: The README has no place for the table.
    """
    if not suites or not reports:
        raise NothingMeasuredError(f"{folder} has no results of benchmarks, or no reports of the conformance kit")
    made = {
        folder / "numbers.md": numbers(suites).encode(),
        folder / "guarantees.md": guarantees(reports).encode(),
        readme: with_table(readme.read_text(encoding="utf-8"), guarantees_by_engine(reports)).encode(),
    }
    for name, plot in PLOTS.items():
        with mpl.rc_context(SETTINGS):
            drawn = plot(suites)
        if drawn is not None:
            made[folder / f"{name}.svg"] = drawn
    return made
