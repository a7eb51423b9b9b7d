import pytest
from benchmarks.latency import BEYOND, PERCENTILES, Latencies, distribution
from benchmarks.model import Case, Subject
from benchmarks.results import CaseResult, SubjectResult

NACT = Subject(name="nact", code="")
OTHER = Subject(name="other", code="")
CASE = Case(
    name="latency", unit="ms", n=1, reference="other", subjects=(NACT, OTHER), targets=(), less_is_better=True
)  # fmt: skip


def test_a_percentile_is_one_of_the_measurements() -> None:
    told = distribution([float(number) for number in range(1, 1001)])
    assert told.percentiles[50] == 500
    assert told.percentiles[95] == 950
    assert told.percentiles[99] == 990
    assert told.longest == 1000
    assert told.count == 1000


@pytest.mark.parametrize("count", [BEYOND, 100, 999, 1000, 10_000])
def test_a_percentile_that_is_told_has_enough_measurements_beyond_it(count: int) -> None:
    told = distribution([float(number) for number in range(1, count + 1)]).percentiles
    assert list(told) == [percent for percent in PERCENTILES if count * (100 - percent) / 100 >= BEYOND - 1e-6]
    assert all(sum(number > at for number in range(1, count + 1)) >= BEYOND for at in told.values())


def test_the_order_of_measurements_does_not_matter() -> None:
    assert distribution([3.0, 1.0, 2.0] * 20) == distribution([1.0, 2.0, 3.0] * 20)


def test_percentiles_are_of_all_rounds_and_ratios_of_each() -> None:
    mine, other = SubjectResult(NACT), SubjectResult(OTHER)
    for figures in ([1.0] * 100, [9.0] * 10, [1.0] * 100):
        mine.take(Latencies(figures))
    for figures in ([2.0] * 5, [3.0] * 5, [4.0] * 5):
        other.take(Latencies(figures))
    told = CaseResult(CASE, 1, [mine, other]).as_json()["subjects"][0]
    assert told["figures"] == [1.0, 9.0, 1.0]
    assert told["ratio"] == 0.5
    assert told["latencies"]["count"] == 210
    assert told["latencies"]["percentiles"]["95"] == 1.0
    assert told["latencies"]["longest"] == 9.0


def test_a_rate_has_no_latencies() -> None:
    result = SubjectResult(NACT)
    result.take(7)
    assert CaseResult(CASE, 1, [result]).as_json()["subjects"][0]["latencies"] is None
