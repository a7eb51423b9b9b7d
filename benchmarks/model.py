"""The words of a benchmark: a suite has cases, a case has subjects to compare and targets to reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks.latency import Latencies


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a subject is told: how much to do, and where.

    Attributes:
        n: How many operations (messages, actors, events).
        folder: On a disk. All subjects of a case share it, and what `Case.prepare` put there.
        writers: How many actors, or whatever stands for them, are at work at once.
        stored: How many events there are before it begins.
        server: The URL of the suite's server, if it has one.
        scale: The part of a full run that this is, for what isn't counted in operations: how full a table is.
    """

    n: int
    folder: Path
    writers: int = 1
    stored: int = 0
    server: str = ""
    scale: float = 1.0


Figure: TypeAlias = float | Latencies
"""A rate or an amount in the case's unit; or how long each of the operations took, where the unit is `ms`."""

Code: TypeAlias = Callable[[Run], Figure | Awaitable[Figure]]
"""Does what the case is about, `run.n` times, and returns a figure.

It measures itself, so that setting up and tearing down don't count.
"""


class NotHereError(Exception):
    """What the subject needs isn't on this machine. It is left out, and the table says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something that is measured.

    Attributes:
        name: As the table shows it.
        code: Where its `Code` is, `"module:function"`. It is imported in the subject's own process; where something
            that the module imports isn't installed, the subject is "not here".
        share: Of the case's `n`: slow subjects do less.
        writers: How many actors, or whatever stands for them, are at work at once.
        stored: How many events `Case.prepare` is to have stored for it.
        series: What the line is called that it is a point of where rates are drawn by the number of actors; peers
            without one aren't drawn there.
    """

    name: str
    code: str
    share: float = 1.0
    writers: int = 1
    stored: int = 0
    series: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a subject's figure should be: at least (or at most) `bound` times another's, or `bound` itself.

    Attributes:
        subject: Whose figure.
        bound: The target.
        of: The subject to compare with, or `None` for the figure itself.
        stretch: What would be splendid.
    """

    subject: str
    bound: float
    of: str | None = None
    stretch: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to do, and those who do it.

    Attributes:
        name: What is done.
        unit: Of the figures.
        n: How many operations make one sample.
        reference: The subject that the table compares all others with.
        subjects: In the order in which they take turns.
        targets: Each for one of the subjects.
        less_is_better: Whether targets are upper bounds.
        fresh_processes: Whether each sample has a new process. Otherwise a subject keeps one, and warms up in it first.
        rounds: So many times as many rounds as others: more where figures vary, fewer where it takes long.
        prepare: `"module:function"` of what is called before the first sample, with the `Run` of a full share: once, or
            once for each number of events that subjects want to find stored.
        limit: The subject that shows what the storage can do at best, as plots draw it; else the reference.
    """

    name: str
    unit: str
    n: int
    reference: str
    subjects: tuple[Subject, ...]
    targets: tuple[Target, ...] = ()
    less_is_better: bool = False
    fresh_processes: bool = False
    rounds: float = 1.0
    prepare: str | None = None
    limit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """What is measured together.

    Attributes:
        about: One line: what is measured, and how.
        cases: In the order in which they run.
        server: `"module:function"` of a context manager that has a server running meanwhile, and returns its URL; or
            raises `NotHereError`.
        versions: `"module:function"` of what, given that URL, tells what else the figures depend on: the server's
            version, how durable its settings are. A dict of texts by name.
    """

    about: str
    cases: tuple[Case, ...]
    server: str | None = None
    versions: str | None = None
