"""The command line: take in new reports, then write, or check, all that is made from what is in `docs/measured`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

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
        for name, _, place in (given.partition("=") for given in options.report):
            path, _, part = place.partition("::")
            reports.write(MEASURED / "conformance", name, reports.shortened(Path(path), part))
        made = pages(results.read(found), reports.read(MEASURED / "conformance"), README, MEASURED)
    except (reports.NoSuchSubjectError, NoMarksError, NothingMeasuredError, OSError) as error:
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
    again = (
        "take in a report of the conformance kit, as postgres-17=FILE, or FILE::PART of a subject's name; repeatable"
    )
    add("--report", action="append", default=[], metavar="NAME=FILE", help=again)
    add("--check", action="store_true", help="write nothing; fail if a file isn't as it would be made")
    return parser
