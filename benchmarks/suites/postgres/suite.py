"""Which cases there are, who does them, and what nact should reach."""

from __future__ import annotations

from benchmarks import engine_cases
from benchmarks.load import ACTORS
from benchmarks.model import Case, Subject, Suite, Target

NACT = "nact"
WITH_RECOVERY = "nact, recovery included"
RAW = "asyncpg, one row at a time"
BATCHES = "asyncpg, unnest of 1000 rows"
COPY = "asyncpg, COPY"
GROUP_COMMIT = "bare group-commit loop"
NACT_JS = "nact JS"
EVENTSOURCING = "eventsourcing"
THREADS = "eventsourcing, 10 threads"
READ = "asyncpg, pages of 1000, msgspec"
EVENTS = "nact, events()"
RECOVERY = "nact, recovery"

_HERE = "benchmarks.suites.postgres"


def _subject(name: str, code: str, share: float = 1.0, series: str = "") -> Subject:
    return Subject(name=name, code=f"{_HERE}.{code}", share=share, series=series)


_AT_ONCE = "asyncpg, as many at once"
_BATCHES = _subject(BATCHES, "with_asyncpg:in_batches")


_ONE_ACTOR = Case(
    name="persist, one actor",
    unit="events/s",
    n=2000,
    rounds=2,
    reference=RAW,
    subjects=(
        _subject(NACT, "with_nact:persist_by_one"),
        _subject(RAW, "with_asyncpg:one_by_one", series="asyncpg"),
        _subject(NACT_JS, "with_nact_js:persist_by_one", series=NACT_JS),
        _subject(EVENTSOURCING, "with_eventsourcing:persist_one_by_one", share=0.5),
    ),
    targets=(
        Target(subject=NACT, bound=0.9, of=RAW),
        Target(subject=NACT, bound=1.3, of=NACT_JS),
        Target(subject=NACT, bound=3.5, of=EVENTSOURCING),
    ),
)

_MANY_ACTORS = Case(
    name="persist, 1000 actors",
    unit="events/s",
    n=20_000,
    reference=BATCHES,
    subjects=(
        _subject(NACT, "with_nact:persist_by_many"),
        _subject(WITH_RECOVERY, "with_nact:persist_by_many_with_recovery"),
        _BATCHES,
        _subject(COPY, "with_asyncpg:copy"),
        _subject(GROUP_COMMIT, "with_asyncpg:group_commit"),
        _subject(NACT_JS, "with_nact_js:persist_by_many", share=0.5, series=NACT_JS),
        Subject(name=_AT_ONCE, code=f"{_HERE}.with_asyncpg:at_once", writers=ACTORS, share=0.25, series="asyncpg"),
        _subject(THREADS, "with_eventsourcing:persist_by_threads", share=0.1),
    ),
    targets=(
        Target(subject=WITH_RECOVERY, bound=0.6, stretch=0.75, of=BATCHES),
        Target(subject=NACT, bound=7.0, stretch=9.0, of=NACT_JS),
        Target(subject=NACT, bound=40.0, of=THREADS),
    ),
)

_READ = Case(
    name="one actor's journal, read",
    unit="events/s",
    n=100_000,
    reference=READ,
    prepare=f"{_HERE}.tables:fill",
    subjects=(
        _subject(EVENTS, "with_nact:replay"),
        _subject(RECOVERY, "with_nact:recover"),
        _subject(READ, "with_asyncpg:read"),
        _subject("asyncpg, pages of 1000, json", "with_asyncpg:read_with_json"),
        _subject(NACT_JS, "with_nact_js:recover"),
        _subject(EVENTSOURCING, "with_eventsourcing:recover"),
    ),
    targets=(
        Target(subject=EVENTS, bound=0.65, of=READ),
        Target(subject=RECOVERY, bound=1.5, stretch=2.0, of=NACT_JS),
    ),
)

_MEMORY = Case(
    name="one actor's journal, read: peak memory that it adds",
    unit="MB",
    n=100_000,
    rounds=0.6,
    reference=NACT_JS,
    prepare=f"{_HERE}.tables:fill",
    less_is_better=True,
    fresh_processes=True,
    subjects=(
        _subject(EVENTS, "with_nact:memory_of_replay"),
        _subject(RECOVERY, "with_nact:memory_of_recovery"),
        _subject("asyncpg, everything at once", "with_asyncpg:memory_of_fetch"),
        _subject(NACT_JS, "with_nact_js:memory_of_recovery"),
        _subject(EVENTSOURCING, "with_eventsourcing:memory_of_recovery"),
    ),
    targets=(Target(subject=EVENTS, bound=10), Target(subject=RECOVERY, bound=10)),
)

SUITE = Suite(
    about="events to and from one server: nact's table, the same rows, the server's own durability (default: fsync)",
    server=f"{_HERE}.server:running",
    versions=f"{_HERE}.server:versions",
    cases=(
        _ONE_ACTOR,
        _MANY_ACTORS,
        _READ,
        _MEMORY,
        *engine_cases.by_number_of_actors(
            f"{_HERE}.with_nact:persist", limit=_BATCHES, peers={_AT_ONCE: f"{_HERE}.with_asyncpg:at_once"}
        ),
        *engine_cases.latencies(
            f"{_HERE}.with_nact:persist_latencies",
            one={RAW: f"{_HERE}.with_asyncpg:latencies"},
            many={_AT_ONCE: f"{_HERE}.with_asyncpg:latencies"},
        ),
    ),
)
