"""Which cases there are, who does them, and what nact should reach."""

from __future__ import annotations

from benchmarks.model import Case, Subject, Suite, Target

NACT = "nact"
NACT_ASYNC = "nact, async handlers"
NACT_JS = "nact JS"
QUEUES = "asyncio.Queue tasks"
LOOP = "bare drain loop"
FUTURE = "bare future"
PYKKA = "pykka"

_HERE = "benchmarks.suites.actors"


def _subjects(function: str, *others: Subject) -> tuple[Subject, ...]:
    return (
        Subject(name=NACT, code=f"{_HERE}.with_nact:{function}"),
        Subject(name=NACT_ASYNC, code=f"{_HERE}.with_nact:{function}_async"),
        Subject(name=NACT_JS, code=f"{_HERE}.with_nact_js:{function}"),
        Subject(name=QUEUES, code=f"{_HERE}.with_queues:{function}"),
        *others,
        Subject(name=PYKKA, code=f"{_HERE}.with_pykka:{function}", share=0.1),
    )


def _bare(name: str, function: str) -> Subject:
    return Subject(name=name, code=f"{_HERE}.bare:{function}")


def _both(bound: float, of: str) -> tuple[Target, ...]:
    return tuple(Target(subject=subject, bound=bound, of=of) for subject in (NACT, NACT_ASYNC))


def _case(name: str, n: int, subjects: tuple[Subject, ...], *targets: Target, reference: str = QUEUES) -> Case:
    return Case(name=name, unit="messages/s", n=n, reference=reference, subjects=subjects, targets=targets)


SUITE = Suite(
    about="messages between actors; a handler does next to nothing",
    cases=(
        _case("one-way to one actor", 200_000, _subjects("one_way", _bare(LOOP, "one_way")), *_both(2.0, NACT_JS)),
        _case("ping-pong between two", 200_000, _subjects("ping_pong", _bare(LOOP, "ping_pong")), *_both(1.4, NACT_JS)),
        _case(
            "fan-out to 1000 actors",
            200_000,
            _subjects("fan_out", _bare(LOOP, "fan_out")),
            *_both(0.7, NACT_JS),
            *_both(3.0, QUEUES),
        ),
        _case(
            "query, one at a time",
            50_000,
            _subjects(
                "query_one", _bare(FUTURE, "query_one"), _bare(f"{FUTURE} with a timeout", "query_one_with_timeout")
            ),
            *_both(0.9, FUTURE),
            reference=FUTURE,
        ),
        _case(
            "query, 1000 at once",
            100_000,
            _subjects("query_at_once", _bare(FUTURE, "query_at_once")),
            *_both(1.6, NACT_JS),
            reference=FUTURE,
        ),
        _case(
            "1000 actors, handlers suspend",
            100_000,
            (
                Subject(name=NACT, code=f"{_HERE}.with_nact:suspending"),
                Subject(name=NACT_JS, code=f"{_HERE}.with_nact_js:suspending"),
                Subject(name=QUEUES, code=f"{_HERE}.with_queues:suspending"),
                _bare("bare task for each mailbox", "suspending"),
            ),
            Target(subject=NACT, bound=300_000),
        ),
    ),
)
