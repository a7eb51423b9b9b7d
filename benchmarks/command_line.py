"""The command line: which suites, how often, and where the results go."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks import machine, places, registry, table
from benchmarks.model import NotHereError, Suite
from benchmarks.results import CaseResult
from benchmarks.runner import Settings, absent, run_case

RESULTS = Path("benchmarks-results.json")

QUICK = 0.01
"""The part of a full run that `--quick` does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for. Returns 1 if a subject failed."""
    options = _parser().parse_args(arguments)
    names = registry.names() if not options.suites or "all" in options.suites else options.suites
    about = machine.description()
    settings = Settings(
        rounds=options.rounds or (1 if options.quick else 5),
        scale=QUICK if options.quick else 1.0,
        wanted=lambda subject: any(part in subject.name for part in options.subject or [""]),
        folder=places.cache(),
        progress=_progress,
    )
    print(table.heading(about, settings.rounds, quick=options.quick), end="")
    results = {name: _run_suite(name, registry.suite(name), options.case, settings) for name in names}
    everything = [result for suite in results.values() for result in suite]
    print(f"\n{table.summary(everything)}")
    found = {name: [result.as_json() for result in suite] for name, suite in results.items()}
    document = {**about, "rounds": settings.rounds, "quick": options.quick, "suites": found}
    options.json.write_text(json.dumps(document, indent=2) + "\n")
    return int(any(subject.failure for result in everything for subject in result.subjects))


def _run_suite(name: str, suite: Suite, wanted: Sequence[str] | None, settings: Settings) -> list[CaseResult]:
    print(f"\n=== {name}: {suite.about}", flush=True)
    cases = [case for case in suite.cases if any(part in case.name for part in wanted or [""])]
    with ExitStack() as stack:
        run = run_case
        if suite.server is not None and cases:
            _progress("starting the server")
            try:
                settings = replace(settings, server=stack.enter_context(registry.function(suite.server)()))
            except NotHereError as error:
                run = partial(absent, why=str(error))
        results = []
        for case in cases:
            results.append(run(case, settings))
            _progress("")
            print(f"\n{table.table(results[-1])}", flush=True)
    return results


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{what:<79.79}", end="\r", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=sys.modules[__package__].__doc__)
    parser.add_argument("suites", nargs="*", choices=[*registry.names(), "all", []], help="all, if none is given")
    parser.add_argument("--case", action="append", metavar="PART", help="only cases with this in their names")
    parser.add_argument("--subject", action="append", metavar="PART", help="only subjects with this in their names")
    parser.add_argument("--rounds", type=int, metavar="N", help="how many samples of each (5)")
    parser.add_argument("--quick", action="store_true", help="try everything, measure nothing: small, one round")
    parser.add_argument("--json", type=Path, metavar="FILE", default=RESULTS, help="where the results go (%(default)s)")
    return parser
