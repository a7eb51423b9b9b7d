"""Durations: numbers of seconds, or `datetime.timedelta`. The constants make them readable, as in `10 * minutes`."""

from __future__ import annotations

from datetime import timedelta
from math import isnan
from typing import Final, TypeAlias

Duration: TypeAlias = float | timedelta
"""Seconds, or a `timedelta`."""

milliseconds: Final = 0.001
seconds: Final = 1.0
minutes: Final = 60.0
hours: Final = 3600.0
days: Final = 86400.0


def in_seconds(duration: Duration, argument: str) -> float:
    """The duration in seconds.

    Raises:
        TypeError: It isn't a number or a `timedelta`. The message names the argument.
        ValueError: It isn't above zero. The message names the argument.
    """
    if type(duration) is float and duration > 0:
        return duration  # the short way, for queries
    if isinstance(duration, timedelta):
        duration = duration.total_seconds()
    if type(duration) is bool or not isinstance(duration, int | float):
        raise TypeError(f"{argument} must be a duration (seconds, or a timedelta), not {duration!r}")
    if isnan(duration) or duration <= 0:
        raise ValueError(f"{argument} must be longer than zero, not {duration!r}")
    return float(duration)
