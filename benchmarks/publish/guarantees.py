"""`guarantees.md`, and the README's table: what each engine keeps, as the conformance kit found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from benchmarks.publish.markdown import MADE, section, table
from benchmarks.publish.numbers import ENGINES
from benchmarks.publish.reports import Law, Report, combined
from nact_conformance.law import GUARANTEES

_PROMISED = 12
"""What comes after these isn't nact's promise to an application, but good manners."""

_FAILED = ("broken", "held, though declared")
_OPEN = ("not run", "replaced")

_HOW = """The figures say how many laws of the conformance kit were tried and held, on every server that was tried.
"Except" counts laws that the engine declares not to keep, with its reason; they are tried as well. "Not tested" is what
had no server to kill, or nothing else that the law needs, in that run; "not offered" what needs an ability that the
engine doesn't have."""


def guarantees(reports: Mapping[str, Report]) -> str:
    """The whole page."""
    parts = [
        MADE,
        _HOW,
        section("table", guarantees_by_engine(reports)),
        section("by-server", _table({title(name): report for name, report in reports.items()})),
        section("engines", _engines(reports)),
    ]
    return "\n\n".join(parts) + "\n"


def guarantees_by_engine(reports: Mapping[str, Report]) -> str:
    """A line for each guarantee, a column for each engine: what it keeps on all servers that were tried."""
    families: dict[str, list[Report]] = {}
    for name, report in reports.items():
        families.setdefault(title(name.partition("-")[0]), []).append(report)
    all_servers = {name: combined(those) for name, those in families.items()}
    notes = [f"- {name}: {note}." for name, report in all_servers.items() for note in _notes(report)]
    return "\n".join([_table(all_servers), *(["", *notes] if notes else [])])


def _table(reports: Mapping[str, Report]) -> str:
    rows = [["guarantee", *reports]]
    for number, name in GUARANTEES.items():
        label = f"{number}. {name}" if number <= _PROMISED else f"besides: {name[0].lower()}{name[1:]}"
        rows.append([label, *[standing(report, number) for report in reports.values()]])
    rows.append(["**verdict**", *[_verdict(report) for report in reports.values()]])
    if any(report.server for report in reports.values()):
        rows.append(["servers", *[report.server or "none" for report in reports.values()]])
    return table(rows)


def title(name: str) -> str:
    """`Postgres 15` for `postgres-15`."""
    first, _, rest = name.partition("-")
    return f"{ENGINES.get(first, first)} {rest.replace('-', ' ')}".strip()


def standing(report: Report, guarantee: int) -> str:
    """How it stands with a guarantee, in a few words."""
    counts = report.outcomes(guarantee)
    if failed := sum(counts[outcome] for outcome in _FAILED):
        return f"**broken** ({failed})"
    if missing := sum(counts[outcome] for outcome in _OPEN):
        return f"not judged ({missing} not run)"
    held, declared = counts["held"], counts["declared"]
    if not held:
        return "not kept (declared)" if declared else next((out for out in counts if counts[out]), "no law")
    word = f"kept, except {declared}" if declared else "kept"
    untested = f"; {counts['not tested']} not tested" if counts["not tested"] else ""
    return f"{word} ({held}{untested})"


def _verdict(report: Report) -> str:
    if not report.conformant:
        return f"**{report.verdict.partition(':')[0].lower()}**"
    declared, untested = (sum(law.outcome == which for law in report.others) for which in ("declared", "not tested"))
    word = f"conformant, except {declared}" if declared else "conformant"
    return f"{word} ({untested} not tested)" if untested else word


def _engines(reports: Mapping[str, Report]) -> str:
    return "\n\n".join(line for name, report in reports.items() for line in _engine(name, report))


def _engine(name: str, report: Report) -> Iterable[str]:
    held = sum(report.held.values())
    yield f"### {title(name)}"
    server = f", server {report.server}" if report.server else ""
    yield (
        f"`{report.engine}`{server}; {report.kit}; {report.python}; {report.date[:10]}. "
        f"**{report.verdict}**. {held} of {held + len(report.others)} laws were tried and held."
    )
    for outcome in (*_FAILED, *_OPEN, "declared", "not offered", "not tested"):
        if laws := [law for law in report.others if law.outcome == outcome]:
            yield "\n".join([f"{outcome[0].upper()}{outcome[1:]}:", "", *_by_reason(laws)])


def _notes(report: Report) -> Iterable[str]:
    """What the table counts as exceptions, and what was missing that laws need."""
    for line in _by_reason(law for law in report.others if law.outcome == "declared"):
        yield f"declared, {line.removeprefix('- ')}"
    missing = Counter(law.told.partition(":")[0] for law in report.others if law.outcome == "not tested")
    if missing:
        yield f"not tested for want of {', of '.join(f'{need} ({count})' for need, count in missing.items())}"


def _by_reason(laws: Iterable[Law]) -> Iterable[str]:
    """A line for each reason, with the laws that have it."""
    found: dict[str, list[Law]] = {}
    for law in laws:
        found.setdefault(law.told, []).append(law)
    for told, those in found.items():
        if len(those) == 1:
            yield f"- {those[0].law_id}, {those[0].law or 'a law of its own'}: {told}"
        else:
            yield f"- {told}: {', '.join(law.law_id for law in those)}"
