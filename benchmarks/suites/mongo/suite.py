"""Which cases there are, who does them, and what nact should reach, with each driver."""

from __future__ import annotations

from benchmarks import engine_cases
from benchmarks.model import Case, Subject, Suite, Target

NACT = "nact"
WITH_RECOVERY = "nact, recovery included"
EVENTS = "nact, events()"
RECOVERY = "nact, recovery"
ONE = "insert_one"
HUNDRED = "insert_one, 100 at once"
MANY = "insert_many of 1000"
GROUP_COMMIT = "bare group-commit loop"
READ = "find, pages of 1000"
READ_RAW = "find_raw_batches, pages of 1000"
_AT_ONCE = "insert_one, as many at once"

_HERE = "benchmarks.suites.mongo"


def _pymongo(name: str) -> str:
    """What is called the same with PyMongo's own async client, where Motor is meant if nothing is said."""
    return f"{name}, PyMongo"


def _subject(name: str, code: str, share: float = 1.0, series: str = "") -> Subject:
    return Subject(name=name, code=f"{_HERE}.{code}", share=share, series=series)


def _both(name: str, code: str, share: float = 1.0) -> tuple[Subject, Subject]:
    """With Motor, and with PyMongo."""
    module, _, function = code.partition(":")
    return (
        _subject(name, f"{module}:motor_{function}", share),
        _subject(_pymongo(name), f"{module}:pymongo_{function}", share),
    )


def _targets(subject: str, bound: float, of: str) -> tuple[Target, Target]:
    """For each driver: beside what the same driver does by itself."""
    return (
        Target(subject=subject, bound=bound, of=of),
        Target(subject=_pymongo(subject), bound=bound, of=_pymongo(of)),
    )


_ONE_ACTOR = Case(
    name="persist, one actor",
    unit="events/s",
    n=1000,
    rounds=2,
    reference=ONE,
    subjects=(*_both(NACT, "with_nact:by_one"), *_both(ONE, "with_drivers:one_by_one")),
    targets=_targets(NACT, 0.9, ONE),
)

_MANY_ACTORS = Case(
    name="persist, 1000 actors",
    unit="events/s",
    n=20_000,
    reference=MANY,
    subjects=(
        *_both(NACT, "with_nact:by_many"),
        *_both(WITH_RECOVERY, "with_nact:by_many_with_recovery"),
        *_both(MANY, "with_drivers:in_batches"),
        *_both(GROUP_COMMIT, "with_drivers:group_commit"),
        *_both(HUNDRED, "with_drivers:hundred_at_once", share=0.2),
    ),
    targets=(*_targets(NACT, 0.65, MANY), *_targets(NACT, 12.0, HUNDRED), *_targets(WITH_RECOVERY, 0.65, MANY)),
)

_READ = Case(
    name="one actor's journal, read",
    unit="events/s",
    n=100_000,
    reference=READ,
    prepare=f"{_HERE}.journals:fill",
    subjects=(
        *_both(EVENTS, "with_nact:replay"),
        *_both(RECOVERY, "with_nact:recover"),
        *_both(READ, "with_drivers:read"),
        *_both(READ_RAW, "with_drivers:read_raw"),
    ),
    targets=_targets(EVENTS, 0.65, READ),
)

SUITE = Suite(
    about="events to and from one server, a replica set of one: nact's collection and index, w: majority, j: true",
    server=f"{_HERE}.server:running",
    versions=f"{_HERE}.server:versions",
    cases=(
        _ONE_ACTOR,
        _MANY_ACTORS,
        _READ,
        *engine_cases.by_number_of_actors(
            f"{_HERE}.with_nact:motor_persist",
            limit=_subject(MANY, "with_drivers:motor_in_batches"),
            peers={_AT_ONCE: f"{_HERE}.with_drivers:motor_at_once"},
        ),
        *engine_cases.latencies(
            f"{_HERE}.with_nact:motor_latencies",
            one={ONE: f"{_HERE}.with_drivers:motor_latencies"},
            many={_AT_ONCE: f"{_HERE}.with_drivers:motor_latencies"},
        ),
        *engine_cases.growth(
            f"{_HERE}.with_nact:motor_to_grown",
            f"{_HERE}.with_nact:motor_from_grown",
            prepare=f"{_HERE}.journals:fill_for_growth",
        ),
    ),
)
