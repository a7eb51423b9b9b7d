"""The command line: take in new reports, then write, or check, all that is made from what is in `docs/measured`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.publish import reports, results
from benchmarks.publish.pages import NothingMeasuredError, pages
from benchmarks.publish.readme import NoMarksError

MEASURED = Path("docs/measured")
README = Path("README.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line asks for. Returns 1 if `--check` finds a file that isn't as it would be made."""
    parser = _parser()
    options = parser.parse_args(arguments)
    found = options.results or [MEASURED / "benchmarks.json"]
    try:
        for path in options.reports:
            for name, report in reports.taken_from(path).items():
                reports.write(MEASURED / "conformance", name, report)
        made = pages(results.read(found), reports.read(MEASURED / "conformance"), README, MEASURED)
    except (NoMarksError, NothingMeasuredError, OSError, msgspec.DecodeError) as error:
        parser.error(str(error))
    return _check(made) if options.check else _write(made)


def _write(made: Mapping[Path, bytes]) -> int:
    for path in _outdated(made):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made[path])
        print(f"wrote {path}")
    return 0


def _check(made: Mapping[Path, bytes]) -> int:
    outdated = _outdated(made)
    for path in outdated:
        print(f"{path} is out of date: nox -s publish", file=sys.stderr)
    return int(bool(outdated))


def _outdated(made: Mapping[Path, bytes]) -> list[Path]:
    return [path for path, text in made.items() if not path.exists() or path.read_bytes() != text]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publish", description=sys.modules[__package__].__doc__)
    add = parser.add_argument
    add("results", nargs="*", type=Path, help=f"what `python -m benchmarks` wrote ({MEASURED}/benchmarks.json)")
    take = "take in what pytest wrote by --conformance-report: a file, or a folder of them, each named after its engine"
    add("--reports", action="append", default=[], type=Path, metavar="PLACE", help=take)
    add("--check", action="store_true", help="write nothing; fail if a file isn't as it would be made")
    return parser
