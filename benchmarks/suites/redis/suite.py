"""Which cases there are, who does them, and what nact should reach."""

from __future__ import annotations

from benchmarks import engine_cases
from benchmarks.model import Case, Subject, Suite, Target

NACT = "nact"
WITH_RECOVERY = "nact, recovery included"
RAW = "redis-py, one script a call"
RAW_100 = "redis-py, 100 at once"
PIPELINE = "redis-py, pipeline of 100"
ONE_SCRIPT = "redis-py, 100 a script"
GROUP_COMMIT = "bare group-commit loop"
BENCHMARK = "redis-benchmark"
BENCHMARK_PIPELINE = "redis-benchmark, pipeline of 100"
READ = "redis-py, pages of 1000"

_HERE = "benchmarks.suites.redis"


def _subject(name: str, code: str, share: float = 1.0, series: str = "") -> Subject:
    return Subject(name=name, code=f"{_HERE}.{code}", share=share, series=series)


_GROUP_COMMIT = _subject(GROUP_COMMIT, "with_redis_py:group_commit_of_many")
_AT_ONCE = "redis-py, as many at once"

SUITE = Suite(
    about="events to and from one server: a stream for each key, appendfsync always, if nothing else is said",
    server=f"{_HERE}.server:running",
    versions=f"{_HERE}.server:versions",
    cases=(
        Case(
            name="persist, one actor",
            unit="events/s",
            n=2000,
            rounds=3,
            reference=RAW,
            limit=BENCHMARK,
            subjects=(
                _subject(NACT, "with_nact:persist_by_one"),
                _subject(RAW, "with_redis_py:one_by_one", series="redis-py"),
                _subject(GROUP_COMMIT, "with_redis_py:group_commit_of_one"),
                _subject(BENCHMARK, "with_redis_benchmark:one_by_one"),
            ),
            targets=(Target(subject=NACT, bound=0.9, of=RAW),),
        ),
        Case(
            name="persist, 1000 actors",
            unit="events/s",
            n=20_000,
            reference=RAW_100,
            limit=GROUP_COMMIT,
            subjects=(
                _subject(NACT, "with_nact:persist_by_many"),
                _subject(WITH_RECOVERY, "with_nact:persist_by_many_with_recovery"),
                _subject(RAW_100, "with_redis_py:hundred_at_once", share=0.5, series="redis-py"),
                _subject(RAW, "with_redis_py:one_by_one", share=0.15),
                _subject(PIPELINE, "with_redis_py:by_pipeline"),
                _subject(ONE_SCRIPT, "with_redis_py:by_one_script"),
                _GROUP_COMMIT,
                _subject(BENCHMARK_PIPELINE, "with_redis_benchmark:by_pipeline"),
            ),
            targets=(
                Target(subject=NACT, bound=3.5, of=RAW_100, stretch=5.0),
                Target(subject=WITH_RECOVERY, bound=3.5, of=RAW_100, stretch=5.0),
            ),
        ),
        Case(
            name="persist, 1000 actors, appendfsync everysec",
            unit="events/s",
            n=20_000,
            reference=RAW_100,
            subjects=(
                _subject(NACT, "with_nact:persist_by_many_everysec"),
                _subject(RAW_100, "with_redis_py:hundred_at_once_everysec", share=0.5),
                _subject(PIPELINE, "with_redis_py:by_pipeline_everysec"),
                _subject(GROUP_COMMIT, "with_redis_py:group_commit_of_many_everysec"),
                _subject(BENCHMARK_PIPELINE, "with_redis_benchmark:by_pipeline_everysec"),
            ),
        ),
        Case(
            name="one actor's journal, read",
            unit="events/s",
            n=100_000,
            reference=READ,
            prepare=f"{_HERE}.server:fill",
            subjects=(
                _subject("nact, events()", "with_nact:replay"),
                _subject("nact, recovery", "with_nact:recover"),
                _subject(READ, "with_redis_py:read"),
            ),
            targets=(Target(subject="nact, events()", bound=0.65, of=READ),),
        ),
        *engine_cases.by_number_of_actors(
            f"{_HERE}.with_nact:persist", limit=_GROUP_COMMIT, peers={_AT_ONCE: f"{_HERE}.with_redis_py:at_once"}
        ),
        *engine_cases.latencies(
            f"{_HERE}.with_nact:persist_latencies",
            one={RAW: f"{_HERE}.with_redis_py:latencies"},
            many={_AT_ONCE: f"{_HERE}.with_redis_py:latencies"},
        ),
        *engine_cases.growth(
            f"{_HERE}.with_nact:persist_to_grown",
            f"{_HERE}.with_nact:read_from_grown",
            prepare=f"{_HERE}.server:fill_for_growth",
        ),
    ),
)
