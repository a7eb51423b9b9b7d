"""What is read, by whom, and what nact should stay below."""

from __future__ import annotations

from benchmarks.model import Case, Subject, Suite, Target

_HERE = "benchmarks.suites.replay_memory.readers"

REPLAY = "nact, events()"
RECOVERY = "nact, recovery"
ALL_AT_ONCE = "sqlite3, fetchall"

SUITE = Suite(
    about="by how much the peak memory (RSS) of a fresh process grows that reads a long journal of one key",
    cases=(
        Case(
            name="a journal of 1,000,000 events, read",
            unit="MB",
            n=1_000_000,
            reference=ALL_AT_ONCE,
            prepare="benchmarks.suites.sqlite.files:fill",
            subjects=(
                Subject(name=REPLAY, code=f"{_HERE}:replay"),
                Subject(name=RECOVERY, code=f"{_HERE}:recover"),
                Subject(name=ALL_AT_ONCE, code=f"{_HERE}:fetch_all"),
            ),
            targets=(Target(subject=REPLAY, bound=50), Target(subject=RECOVERY, bound=50)),
            less_is_better=True,
            fresh_processes=True,
            rounds=0.2,
        ),
    ),
)
