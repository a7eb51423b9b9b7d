"""Where figures come from, in words that stand beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.publish.results import SuiteFigures

_DRIVERS = {
    "mongo": ("motor", "pymongo"),
    "postgres": ("asyncpg", "eventsourcing"),
    "redis": ("redis", "hiredis"),
    "sqlite": ("aiosqlite",),
    "actors": ("pykka",),
}


def machine(suite: SuiteFigures) -> str:
    """The machine and the interpreters."""
    about = suite.machine
    kernel = about.system.partition("-with-")[0].replace("-", " ", 1).partition("-")[0]
    node = f", Node {suite.node.removeprefix('v')}" if suite.node else ""
    busy = f" (busy: load {about.load:.0f} at the beginning)" if about.load > about.processors / 2 else ""
    return f"{about.processor}, {about.processors} processors{busy}, {kernel}, {suite.python}{node}"


def versions(name: str, suite: SuiteFigures) -> str:
    """The database and the libraries, as far as they matter to the suite."""
    engine = name.partition("-")[0]
    told = list(suite.versions.values())
    if engine == "sqlite":
        told.append(f"SQLite {suite.sqlite}")
    told += [
        f"{package} {suite.packages[package]}" for package in _DRIVERS.get(engine, ()) if package in suite.packages
    ]
    return ", ".join(told)


def date(suite: SuiteFigures) -> str:
    """The day, or the days if its cases ran on several."""
    days = sorted({case.date[:10] for case in suite.cases} or {suite.date[:10]})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def rounds(suite: SuiteFigures) -> str:
    """How much stands behind a median."""
    told = f"{suite.rounds} round{'s' if suite.rounds > 1 else ''}"
    return f"{told} of a quick try, which means nothing" if suite.quick else told


def caption(suites: Sequence[tuple[str, SuiteFigures]]) -> Iterable[str]:
    """Lines to stand below a plot: a machine and its day once, whichever engines were measured there."""
    places: dict[str, list[str]] = {}
    for name, suite in suites:
        place = f"{date(suite)}, {machine(suite)}; medians of {rounds(suite)}"
        places.setdefault(place, []).append(versions(name, suite))
    for place, told in places.items():
        yield place
        if shown := "; ".join(dict.fromkeys(filter(None, told))):
            yield shown
