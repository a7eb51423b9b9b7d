"""A campaign: rounds of a storm in one place, each with fresh keys and a side log of its own, checked at its end."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import cast

from nact import engine_from_url
from storms.checker import Verdict, check
from storms.crew import Crew
from storms.ledger import lines
from storms.nemesis import Nemesis, Strength
from storms.places import PLACES, Place
from storms.stored import FullEngine, Stored, read_with
from storms.writers import KEPT

WRITERS = ("write", "write", "write")
READERS = ("read",)

Say = Callable[[str], None]


def run(name: str, *, rounds: int, seed: int, strength: Strength, say: Say) -> Verdict:
    """What so many rounds in this place did. After a violation, the side log stays, and `say` tells where.

    Args:
        name: Of the place.
        rounds: How many. A pair of servers is made anew for each.
        seed: Decides the faults and what the processes do; how they interleave it doesn't.
        strength: Of the storm.
        say: Takes lines for whoever watches.
    """
    total = Verdict()
    left = list(range(1, rounds + 1))
    while left:
        with PLACES[name]() as place:
            while left:
                number = left.pop(0)
                total.add(_round(place, f"{name}-{seed}-{number}", strength, say))
                if name == "pair":
                    break
    return total


def _round(place: Place, name: str, strength: Strength, say: Say) -> Verdict:
    folder = Path(tempfile.mkdtemp(prefix=f"storm-{name}-"))
    keys = [f"{name}-{end}" for end in ("a", "b", "c", f"d-{KEPT}", f"e-{KEPT}")]
    faults: list[str] = []
    # A SELECT finds what no standby has yet: what a query answers on a primary that is lost may never have been.
    tasks = WRITERS if place.standby is not None else WRITERS + READERS
    with Crew(place.url, folder, name, keys, tasks) as crew:
        crew.await_work()
        nemesis = Nemesis(place, crew, random.Random(name), strength)
        for fault in chain(nemesis.rage(), nemesis.fail_over()):
            faults.append(fault)
            say(f"{name}: {fault}")
        wrong = crew.end() + crew.recover()
    verdict = check(lines(crew.log), *_read(place, keys))
    for each in wrong:
        verdict.blame("failed", each)
    if verdict.violations:
        say(f"{name}: the side log is {crew.log}")
    else:
        shutil.rmtree(folder)
    say(f"{name}: {len(faults)} faults; {summary(verdict)}")
    return verdict


def summary(verdict: Verdict) -> str:
    """The counts, in one line."""
    names = ("acknowledged", "in doubt", "refused", "answers", "unreadable for a while")
    wrong = ("lost", "doubled", "contradicted", "failed")
    return ", ".join(f"{verdict.counts[name]} {name}" for name in names + wrong)


def _read(place: Place, keys: Sequence[str]) -> tuple[dict[str, Stored], dict[str, Stored]]:
    """What the engine tells, and what the database's own client does."""
    by_engine = asyncio.run(_read_with_engine(place.url, keys))
    return by_engine, {key: place.read(key) for key in keys}


async def _read_with_engine(url: str, keys: Sequence[str]) -> dict[str, Stored]:
    engine = cast("FullEngine", engine_from_url(url))
    async with engine:
        return {key: await read_with(engine, key) for key in keys}
