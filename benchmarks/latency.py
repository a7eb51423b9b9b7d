"""How long single operations took: kept whole, so that no percentile is an average of percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99)
"""What a distribution is told by: close enough together, towards the end, to draw it."""

BEYOND = 10
"""A percentile with fewer measurements beyond it says more of chance than of what was measured: it isn't told."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """The milliseconds that each operation of a sample took."""

    milliseconds: Sequence[float]

    @property
    def figure(self) -> float:
        """The median: what a sample counts as where it has to be one figure."""
        return median(self.milliseconds)


@dataclass(frozen=True, slots=True)
class Distribution:
    """All measurements of a subject, of all rounds.

    Attributes:
        count: How many there are.
        percentiles: Milliseconds, by percentile: by nearest rank, so each is a measurement.
        longest: Of them all.
    """

    count: int
    percentiles: dict[float, float]
    longest: float


def distribution(milliseconds: Sequence[float]) -> Distribution:
    """What these measurements, at least one, say."""
    ranked = sorted(milliseconds)
    count = len(ranked)
    told = [percent for percent in PERCENTILES if round(count * (100 - percent) / 100, 6) >= BEYOND]
    at = {percent: ranked[ceil(round(count * percent / 100, 6)) - 1] for percent in told}
    return Distribution(count, at, ranked[-1])
