"""Results and reports, made up."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.publish.reports import Law, Report

DATE = "2026-11-25T12:00:00+00:00"


def suite(
    nact: Sequence[float] = (2000.0,), raw: Sequence[float] = (4000.0,), *, driver: str = "", met: bool = False
) -> dict[str, object]:
    """A suite of an engine, as `benchmarks` writes it."""
    ours, theirs = f"{driver}nact", f"{driver}raw"
    target = {"subject": ours, "bound": 0.9, "of": theirs, "stretch": None, "reached": 0.5, "met": met}
    persist = _case("persist, one actor", [_subject(ours, nact), _subject(theirs, raw), _absent("peer")], theirs)
    many = _case("persist, 1000 actors", [_subject(ours, [50e3]), _subject(theirs, [99e3])], theirs)
    read = _case("one actor's journal, read", [_subject(f"{ours}, events()", [4e5]), _subject(theirs, [7e5])], theirs)
    sizes = [{**_subject(f"{ours}, {size:,} events", [1e9 / size]), "stored": size} for size in (10_000, 1_000_000)]
    grown = _case("persist, one actor, as the journal grows", sizes, f"{ours}, 10,000 events")
    latencies = {"count": 5000, "percentiles": {"50": 0.3, "95": 0.5, "99": 0.9}, "longest": 4.0}
    waits = _case(
        "latency of a persist, one actor", [{**_subject(ours, [0.3]), "latencies": latencies}], ours, unit="ms"
    )
    return {
        "about": "what is measured",
        "date": DATE,
        "machine": {
            "processor": "Abacus",
            "processors": 2,
            "load": 0.1,
            "system": "Linux-6.18.44-x86_64-with-glibc2.36",
        },
        "python": "CPython 3.11.7",
        "node": "v20.20.2",
        "sqlite": "3.40.1",
        "packages": {"nact": "0.1.0", "aiosqlite": "0.22.1"},
        "versions": {},
        "rounds": 3,
        "quick": False,
        "cases": [{**persist, "targets": [target]}, many, read, grown, waits],
    }


def results_file(path: Path, suites: Mapping[str, object]) -> Path:
    """A file of results."""
    path.write_text(json.dumps({"suites": suites}))
    return path


def law(law_id: str, outcome: str, *, guarantee: int = 3, told: str = "") -> Law:
    """A law of a report."""
    return Law(law_id=law_id, law="a law", guarantee=guarantee, outcome=outcome, told=told)


def report(guarantee: int, outcomes: Mapping[str, int], *, server: str = "1") -> Report:
    """A report of so many laws of one guarantee; those that have the same number are the same law."""
    others = [outcome for outcome, count in outcomes.items() if outcome != "held" for _ in range(count)]
    failed = any(outcome in {"broken", "held, though declared"} for outcome in others)
    return Report(
        engine="an engine",
        server=server,
        kit="the kit",
        date=DATE,
        python="CPython",
        conformant=not failed,
        verdict="NOT CONFORMANT: 1 law failed" if failed else "CONFORMANT",
        held={str(guarantee): outcomes["held"]} if "held" in outcomes else {},
        others=[
            law(f"X-{number:02}", outcome, guarantee=guarantee, told="because") for number, outcome in enumerate(others)
        ],
    )


def write_report(path: Path, subjects: Sequence[tuple[str, str]], laws: Sequence[Law] = ()) -> None:
    """What pytest writes with `--conformance-report`."""
    told = [
        {
            "name": name,
            "engine": "an engine",
            "server": server,
            "conformant": True,
            "verdict": "CONFORMANT",
            "guarantees": {},
            "laws": [{name: getattr(each, name) for name in each.__struct_fields__} for each in laws],
        }
        for name, server in subjects
    ]
    path.write_text(json.dumps({"kit": "the kit", "date": DATE, "python": "CPython", "subjects": told}))


def _case(
    name: str, subjects: Sequence[Mapping[str, object]], limit: str, *, unit: str = "events/s"
) -> dict[str, object]:
    return {
        "name": name,
        "unit": unit,
        "n": 1,
        "reference": limit,
        "limit": limit,
        "less_is_better": unit == "ms",
        "date": DATE,
        "subjects": subjects,
        "targets": [],
    }


def _subject(name: str, figures: Sequence[float]) -> dict[str, object]:
    return {"name": name, "figures": figures, "median": sorted(figures)[len(figures) // 2], "ratio": None}


def _absent(name: str) -> dict[str, object]:
    return {"name": name, "figures": [], "median": None, "ratio": None, "absent": "there is no node"}
