"""Durations are seconds, or timedeltas."""

from datetime import timedelta
from typing import Any

import pytest

from nact import days, hours, milliseconds, minutes, seconds
from nact.durations import in_seconds


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (5, 5.0),
        (0.25, 0.25),
        (timedelta(minutes=2), 120.0),
        (500 * milliseconds, 0.5),
        (3 * seconds, 3.0),
        (10 * minutes, 600.0),
        (2 * hours, 7200.0),
        (30 * days, 2592000.0),
        (float("inf"), float("inf")),
    ],
)
def test_a_duration_is_seconds_or_a_timedelta(duration: float | timedelta, expected: float) -> None:
    result = in_seconds(duration, "wait")
    assert result == expected
    assert type(result) is float


@pytest.mark.parametrize("duration", ["5", None, True, 5j, [5]])
def test_what_is_no_duration_is_refused(duration: Any) -> None:
    with pytest.raises(TypeError) as caught:
        in_seconds(duration, "wait")
    assert "wait" in str(caught.value)
    assert repr(duration) in str(caught.value)


@pytest.mark.parametrize("duration", [0, 0.0, -1, -0.5, float("nan"), timedelta(0), timedelta(seconds=-3)])
def test_a_duration_that_is_not_above_zero_is_refused(duration: Any) -> None:
    with pytest.raises(ValueError, match="wait must be longer than zero, not"):
        in_seconds(duration, "wait")
