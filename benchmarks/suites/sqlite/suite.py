"""Which cases there are, who does them, and what nact should reach."""

from __future__ import annotations

from benchmarks import engine_cases
from benchmarks.model import Case, Subject, Suite, Target

NACT = "nact"
WITH_RECOVERY = "nact, recovery included"
RAW = "sqlite3, a commit each"
BATCHES = "sqlite3, 1000 rows a commit"
GROUP_COMMIT = "bare group-commit loop"
AIOSQLITE = "aiosqlite"
AIOSQLITE_100 = "aiosqlite, 100 at once"
READ = "sqlite3, pages of 1000"

_HERE = "benchmarks.suites.sqlite"


def _subject(name: str, code: str, share: float = 1.0, series: str = "") -> Subject:
    return Subject(name=name, code=f"{_HERE}.{code}", share=share, series=series)


_BATCHES = _subject(BATCHES, "with_sqlite3:in_batches")
_AT_ONCE = "aiosqlite, as many at once"

SUITE = Suite(
    about="events to and from one file: nact's table, the same rows, write-ahead log, synchronous=FULL, the same disk",
    cases=(
        Case(
            name="persist, one actor",
            unit="events/s",
            n=1000,
            rounds=3,
            reference=AIOSQLITE,
            limit=RAW,
            subjects=(
                _subject(NACT, "with_nact:persist_by_one"),
                _subject(RAW, "with_sqlite3:one_by_one"),
                _subject(AIOSQLITE, "with_aiosqlite:one_by_one", series=AIOSQLITE),
                _subject(GROUP_COMMIT, "with_sqlite3:group_commit_of_one"),
            ),
            targets=(Target(subject=NACT, bound=1.0, of=AIOSQLITE),),
        ),
        Case(
            name="persist, 1000 actors",
            unit="events/s",
            n=20_000,
            reference=BATCHES,
            subjects=(
                _subject(NACT, "with_nact:persist_by_many"),
                _subject(WITH_RECOVERY, "with_nact:persist_by_many_with_recovery"),
                _BATCHES,
                _subject(f"{BATCHES}, no trigger", "with_sqlite3:in_batches_without_trigger"),
                _subject(GROUP_COMMIT, "with_sqlite3:group_commit_of_many"),
                _subject(RAW, "with_sqlite3:one_by_one", share=0.15),
                _subject(AIOSQLITE_100, "with_aiosqlite:hundred_at_once", share=0.25, series=AIOSQLITE),
            ),
            targets=(
                Target(subject=NACT, bound=0.5, of=BATCHES),
                Target(subject=NACT, bound=11.0, of=AIOSQLITE_100),
                Target(subject=WITH_RECOVERY, bound=0.5, of=BATCHES),
            ),
        ),
        Case(
            name="one actor's journal, read",
            unit="events/s",
            n=100_000,
            reference=READ,
            prepare=f"{_HERE}.files:fill",
            subjects=(
                _subject("nact, events()", "with_nact:replay"),
                _subject("nact, recovery", "with_nact:recover"),
                _subject(READ, "with_sqlite3:read"),
                _subject(f"{READ}, json", "with_sqlite3:read_with_json"),
                _subject("aiosqlite, pages of 1000", "with_aiosqlite:read"),
            ),
            targets=(Target(subject="nact, events()", bound=0.65, of=READ),),
        ),
        *engine_cases.by_number_of_actors(
            f"{_HERE}.with_nact:persist", limit=_BATCHES, peers={_AT_ONCE: f"{_HERE}.with_aiosqlite:at_once"}
        ),
        *engine_cases.latencies(
            f"{_HERE}.with_nact:persist_latencies",
            one={AIOSQLITE: f"{_HERE}.with_aiosqlite:latencies", RAW: f"{_HERE}.with_sqlite3:latencies"},
            many={_AT_ONCE: f"{_HERE}.with_aiosqlite:latencies"},
        ),
        *engine_cases.growth(
            f"{_HERE}.with_nact:persist_to_grown",
            f"{_HERE}.with_nact:read_from_grown",
            prepare=f"{_HERE}.files:fill_for_growth",
        ),
    ),
)
