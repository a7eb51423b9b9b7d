"""The command line: which places, how many rounds, and a status that tells whether anything is wrong."""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Sequence

from storms.campaign import run, summary
from storms.checker import Verdict
from storms.nemesis import LONG, SHORT
from storms.places import PLACES

ROUNDS = "NACT_STORM_ROUNDS"
SEED = "NACT_STORM_SEED"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the storms that the command line asks for. Returns 1 if anything was wrong."""
    parser = _parser()
    options = parser.parse_args(arguments)
    counts = [int(word) for word in options.words if word.isdigit()]
    places = [word for word in options.words if not word.isdigit()] or list(PLACES)
    if unknown := set(places) - set(PLACES):
        parser.error(f"no place is called {', '.join(sorted(unknown))}; there are: {', '.join(PLACES)}")
    if len(counts) > 1 or 0 in counts:
        parser.error("give one number of rounds, from 1")
    rounds = counts[0] if counts else int(os.environ.get(ROUNDS, "10"))
    seed = options.seed if options.seed is not None else random.randrange(10**6)
    print(f"seed {seed}, {rounds} rounds each: {', '.join(places)}", flush=True)
    total = Verdict()
    for place in places:
        strength = SHORT if options.short else LONG
        total.add(run(place, rounds=rounds, seed=seed, strength=strength, say=_say))
    return _report(total, seed)


def _report(total: Verdict, seed: int) -> int:
    for violation in total.violations:
        print(violation)
    print(f"seed {seed}: {summary(total)}")
    return int(bool(total.violations))


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m storms", description="Storms: see storms/README.md.")
    parser.add_argument(
        "words", nargs="*", metavar="PLACE|ROUNDS", help=f"of {', '.join(PLACES)}; all if none is given"
    )
    seed = os.environ.get(SEED)
    parser.add_argument(
        "--seed", type=int, default=int(seed) if seed else None, help=f"or ${SEED}; chosen if not given"
    )
    parser.add_argument("--short", action="store_true", help="rounds of a few seconds, as in the tests")
    return parser
