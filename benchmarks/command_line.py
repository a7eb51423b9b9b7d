"""The command line: which suites, how often, and where the results go."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import document, machine, places, registry, table
from benchmarks.model import Case, NotHereError, Suite
from benchmarks.results import CaseResult
from benchmarks.runner import Settings, absent, run_case

RESULTS = Path("benchmarks-results.json")

QUICK = 0.01
"""The part of a full run that `--quick` does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for. Returns 1 if a subject failed."""
    parser = _parser()
    options = parser.parse_args(arguments)
    names = registry.names() if not options.suites or "all" in options.suites else options.suites
    settings = _settings(options)
    circumstances = {**machine.description(), "rounds": settings.rounds, "quick": options.quick}
    file = document.ResultsFile(options.json, keep=options.update)
    try:
        _check_update(options, file, names, circumstances)
    except document.OtherCircumstancesError as error:
        parser.error(str(error))
    print(table.heading(circumstances), end="")
    everything: list[CaseResult] = []
    for name in names:
        suite, results = registry.suite(name), list[CaseResult]()
        for result, versions in _run_suite(name, suite, options.case, settings):
            results.append(result)
            made = document.suite_document(circumstances, suite.about, versions, results)
            file.put(name, made, beside_others=bool(options.case))
        everything += results
    print(f"\n{table.summary(everything)}")
    return int(any(subject.failure for result in everything for subject in result.subjects))


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        rounds=options.rounds or (1 if options.quick else 5),
        scale=QUICK if options.quick else 1.0,
        wanted=lambda subject: any(part in subject.name for part in options.subject or [""]),
        folder=places.cache(),
        progress=_progress,
    )


def _check_update(
    options: argparse.Namespace,
    file: document.ResultsFile,
    names: Sequence[str],
    circumstances: Mapping[str, Any],
) -> None:
    """A suite is replaced as a whole, or by cases that stand beside those that stay."""
    if options.update and options.subject:
        raise document.OtherCircumstancesError("--update takes whole cases: their subjects are compared")
    for name in names if options.case else []:
        if known := file.before.get(name):
            document.check_same_circumstances(known, circumstances)


def _run_suite(
    name: str, suite: Suite, wanted: Sequence[str] | None, settings: Settings
) -> Iterator[tuple[CaseResult, Mapping[str, str]]]:
    """The result of each case, and what else it depends on."""
    print(f"\n=== {name}: {suite.about}", flush=True)
    versions: Mapping[str, str] = {}
    cases = [case for case in suite.cases if any(part in case.name for part in wanted or [""])]
    with ExitStack() as stack:
        run: Callable[[Case, Settings], CaseResult] = run_case
        if suite.server is not None and cases:
            _progress("starting the server")
            try:
                settings = replace(settings, server=stack.enter_context(registry.function(suite.server)()))
            except NotHereError as error:
                run = partial(absent, why=str(error))
        if suite.versions is not None and run is run_case and cases:
            versions = registry.function(suite.versions)(settings.server)
        for case in cases:
            result = run(case, settings)
            _progress("")
            print(f"\n{table.table(result)}", flush=True)
            yield result, versions


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{what:<79.79}", end="\r", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=sys.modules[__package__].__doc__)
    add = parser.add_argument
    add("suites", nargs="*", choices=[*registry.names(), "all", []], help="all, if none is given")
    add("--case", action="append", metavar="PART", help="only cases with this in their names")
    add("--subject", action="append", metavar="PART", help="only subjects with this in their names")
    add("--rounds", type=int, metavar="N", help="how many samples of each (5)")
    add("--quick", action="store_true", help="try everything, measure nothing: small, one round")
    add("--json", type=Path, metavar="FILE", default=RESULTS, help="where the results go (%(default)s)")
    add("--update", action="store_true", help="keep the suites, or with --case the cases, of that file that don't run")
    return parser
