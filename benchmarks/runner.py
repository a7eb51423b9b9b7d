"""Lets the subjects of a case take turns, and gathers their figures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.model import Case, NotHereError, Run, Subject
from benchmarks.process import Process
from benchmarks.results import CaseResult, SubjectResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run.

    Attributes:
        rounds: How many samples each subject gives.
        scale: The part of each case's `n` that is done.
        wanted: Which subjects run.
        folder: Where cases get folders of their own.
        progress: Is told what begins.
        server: The URL of the suite's server.
    """

    rounds: int
    scale: float
    wanted: Callable[[Subject], bool]
    folder: Path
    progress: Callable[[str], None]
    server: str = ""


def run_case(case: Case, settings: Settings) -> CaseResult:
    """The figures of all subjects. A subject that isn't here, or fails, is left out from then on."""
    results = [SubjectResult(subject) for subject in case.subjects if settings.wanted(subject)]
    n = max(1, int(case.n * settings.scale))
    with tempfile.TemporaryDirectory(dir=settings.folder) as folder, ExitStack() as stack:
        run = Run(n=n, folder=Path(folder), server=settings.server, scale=settings.scale)
        if case.prepare is not None:
            settings.progress("preparing")
            for stored in sorted({subject.stored for subject in case.subjects}):
                _prepare(case.prepare, replace(run, stored=int(stored * settings.scale)))
        processes = [stack.enter_context(Process(fresh=case.fresh_processes)) for _ in results]
        for number in range(1, max(1, round(settings.rounds * case.rounds)) + 1):
            for result, process in zip(results, processes, strict=True):
                if not result.absent and not result.failure:
                    settings.progress(f"round {number}: {result.subject.name}")
                    _sample(result, process, _run_of(result.subject, run))
    return CaseResult(case, n, results)


def absent(case: Case, settings: Settings, why: str) -> CaseResult:
    """The result of a case whose server isn't here."""
    results = [SubjectResult(subject, absent=why) for subject in case.subjects if settings.wanted(subject)]
    return CaseResult(case, max(1, int(case.n * settings.scale)), results)


def _run_of(subject: Subject, run: Run) -> Run:
    share = max(1, int(run.n * subject.share))
    return replace(run, n=share, writers=subject.writers, stored=int(subject.stored * run.scale))


def _prepare(code: str, run: Run) -> None:
    with Process(fresh=True) as process:
        process.call(code, run)


def _sample(result: SubjectResult, process: Process, run: Run) -> None:
    try:
        result.take(process.call(result.subject.code, run))
    except NotHereError as error:
        result.absent = str(error)
    except Exception as error:  # noqa: BLE001 - the others go on; the table tells
        result.failure = f"{type(error).__name__}: {error}"
