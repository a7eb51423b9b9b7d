"""Which cases there are, who does them, and what nact should reach, with each driver."""

from __future__ import annotations

from benchmarks.model import Case, Subject, Suite, Target

DRIVERS = ("motor", "pymongo")

_HERE = "benchmarks.suites.mongo"


def _subjects(name: str, code: str, share: float = 1.0) -> tuple[Subject, ...]:
    """One for each driver."""
    module, _, function = code.partition(":")
    return tuple(
        Subject(name=f"{driver}: {name}", code=f"{_HERE}.{module}:{driver}_{function}", share=share)
        for driver in DRIVERS
    )


def _targets(subject: str, bound: float, of: str) -> tuple[Target, ...]:
    return tuple(
        Target(subject=f"{driver}: {subject}", bound=bound, of=f"{driver}: {of}") for driver in DRIVERS
    )


SUITE = Suite(
    about="events to and from one server: nact's collection and index, the same documents, w: majority, j: true",
    cases=(
        Case(
            name="persist, one actor",
            unit="events/s",
            n=1000,
            rounds=2,
            reference="motor: insert_one",
            subjects=(*_subjects("nact", "with_nact:by_one"), *_subjects("insert_one", "with_drivers:one_by_one")),
            targets=_targets("nact", 0.9, "insert_one"),
        ),
        Case(
            name="persist, 1000 actors",
            unit="events/s",
            n=20_000,
            reference="motor: insert_many of 1000",
            subjects=(
                *_subjects("nact", "with_nact:by_many"),
                *_subjects("nact, recovery included", "with_nact:by_many_with_recovery"),
                *_subjects("insert_many of 1000", "with_drivers:in_batches"),
                *_subjects("bare group-commit loop", "with_drivers:group_commit"),
                *_subjects("insert_one, 100 at once", "with_drivers:hundred_at_once", share=0.2),
            ),
            targets=(
                *_targets("nact", 0.65, "insert_many of 1000"),
                *_targets("nact", 12.0, "insert_one, 100 at once"),
                *_targets("nact, recovery included", 0.65, "insert_many of 1000"),
            ),
        ),
        Case(
            name="one actor's journal, read",
            unit="events/s",
            n=100_000,
            reference="motor: find, pages of 1000",
            prepare=f"{_HERE}.journals:fill",
            subjects=(
                *_subjects("nact, events()", "with_nact:replay"),
                *_subjects("nact, recovery", "with_nact:recover"),
                *_subjects("find, pages of 1000", "with_drivers:read"),
                *_subjects("find_raw_batches, pages of 1000", "with_drivers:read_raw"),
            ),
            targets=_targets("nact, events()", 0.65, "find, pages of 1000"),
        ),
    ),
)
