"""Which cases there are, on which journals, and what should stay as it was."""

from __future__ import annotations

from benchmarks.model import Case, Subject, Suite, Target

_HERE = "benchmarks.suites.postgres_growth.grown"
_SMALL = "nact, 10 thousand rows"
_LARGE = "nact, 1 million rows"
_HUGE = "nact, 5 million rows"
_RAW_SMALL = "asyncpg, 10 thousand rows"
_RAW_LARGE = "asyncpg, 1 million rows"
_RAW_HUGE = "asyncpg, 5 million rows"


def _subject(name: str, code: str) -> Subject:
    return Subject(name=name, code=f"{_HERE}:{code}")


SUITE = Suite(
    about="one server, three journals of different size, where a key's 100 events are spread over the whole table",
    server="benchmarks.suites.postgres.server:running",
    cases=(
        Case(
            name="persist one event: the time in the middle",
            unit="ms",
            n=2000,
            reference=_SMALL,
            prepare=f"{_HERE}:fill",
            less_is_better=True,
            subjects=(
                _subject(_SMALL, "persist_small"),
                _subject(_HUGE, "persist_huge"),
                _subject(_RAW_SMALL, "persist_raw_small"),
                _subject(_RAW_HUGE, "persist_raw_huge"),
            ),
            targets=(Target(subject=_HUGE, bound=1.15, of=_SMALL),),
        ),
        Case(
            name="persist, 1000 writers",
            unit="events/s",
            n=20_000,
            reference=_SMALL,
            prepare=f"{_HERE}:fill",
            subjects=(
                _subject(_SMALL, "many_small"),
                _subject(_HUGE, "many_huge"),
                _subject(_RAW_SMALL, "many_raw_small"),
                _subject(_RAW_HUGE, "many_raw_huge"),
            ),
            targets=(Target(subject=_HUGE, bound=0.6, of=_SMALL),),
        ),
        Case(
            name="read the 100 events of a key: the time in the middle",
            unit="ms",
            n=2000,
            reference=_LARGE,
            prepare=f"{_HERE}:fill",
            less_is_better=True,
            subjects=(
                _subject(_SMALL, "read_small"),
                _subject(_LARGE, "read_large"),
                _subject(_HUGE, "read_huge"),
                _subject(_RAW_LARGE, "read_raw_large"),
                _subject(_RAW_HUGE, "read_raw_huge"),
            ),
            targets=(Target(subject=_HUGE, bound=1.1, of=_LARGE),),
        ),
    ),
)
