"""`numbers.md`: what was measured, as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from benchmarks.publish import circumstances
from benchmarks.publish.figures import amount, ratio
from benchmarks.publish.markdown import MADE, section, table
from benchmarks.publish.results import CaseFigures, SubjectFigures, SuiteFigures, TargetFigures

ENGINES = {"sqlite": "SQLite", "postgres": "Postgres", "redis": "Redis", "mongo": "MongoDB"}
"""The suites of engines, with their databases' names."""

ONE, MANY, READ = "persist, one actor", "persist, 1000 actors", "one actor's journal, read"

_SHOWN = ("50", "95", "99", "99.9")
"""Percentiles."""

_HOW = """Medians of rounds in which the subjects take turns, each in a process of its own. Absolute figures drift with
the machine, by a factor of two; so what is compared, with targets too, is the median of the *ratios* within a round."""


def numbers(suites: Mapping[str, SuiteFigures]) -> str:
    """The whole page."""
    parts = [MADE, _HOW, section("summary", _summary(suites))]
    parts += [section(name, _suite(name, suite)) for name, suite in suites.items()]
    return "\n\n".join(parts) + "\n"


def _summary(suites: Mapping[str, SuiteFigures]) -> str:
    measured = {name: suites[name] for name in ENGINES if name in suites}
    rows: list[list[str]] = [["", *[ENGINES[name] for name in measured]]]
    for title, show in _SUMMARY.items():
        rows.append([title, *[show(suite) for suite in measured.values()]])
    rows.append(["targets met", *[_met(_all_targets(suites, name)) for name in measured]])
    return table(rows)


def _all_targets(suites: Mapping[str, SuiteFigures], engine: str) -> list[TargetFigures]:
    """Of the engine's suite, and of what belongs to it, as `postgres-growth` does."""
    own = [suite for name, suite in suites.items() if name.partition("-")[0] == engine]
    return [target for suite in own for case in suite.cases for target in case.targets]


def _rate(case_name: str, ending: str) -> Callable[[SuiteFigures], str]:
    def show(suite: SuiteFigures) -> str:
        case = suite.case(case_name)
        if case is None or (subject := case.ours(ending)) is None or subject.median is None:
            return "not measured"
        limit = case.limit_for(subject)
        beside = f" ({ratio(case.ratio(subject, limit))} of raw)" if limit else ""
        return f"{amount(subject.median)}{beside}"

    return show


def _wait(case_name: str) -> Callable[[SuiteFigures], str]:
    def show(suite: SuiteFigures) -> str:
        case = suite.case(case_name)
        if case is None or (subject := case.ours()) is None or subject.latencies is None:
            return "not measured"
        told = subject.latencies.percentiles
        return ", ".join(f"p{percent} {amount(told[percent])}" for percent in ("50", "99") if percent in told)

    return show


_SUMMARY = {
    "one actor, events/s": _rate(ONE, "nact"),
    "1000 actors, events/s": _rate(MANY, "nact"),
    "1000 actors, spawned and recovered first, events/s": _rate(MANY, "nact, recovery included"),
    "replay by `events()`, events/s": _rate(READ, "nact, events()"),
    "recovery of an actor, events/s": _rate(READ, "nact, recovery"),
    "wait for a persist, one actor, ms": _wait("latency of a persist, one actor"),
    "wait for a persist, 1000 actors, ms": _wait("latency of a persist, 1000 actors"),
}


def _met(targets: list[TargetFigures]) -> str:
    known = [target for target in targets if target.met is not None]
    return f"{sum(target.met is True for target in known)} of {len(known)}" if known else "none measured"


def _suite(name: str, suite: SuiteFigures) -> str:
    place = f"{circumstances.date(suite)}, {circumstances.machine(suite)}; {circumstances.rounds(suite)}."
    versions = circumstances.versions(name, suite)
    head = [f"### {ENGINES.get(name, name)}", f"{suite.about}.", f"{place} {versions}.".replace(" .", "")]
    return "\n\n".join([*head, *[_case(case) for case in suite.cases]])


def _case(case: CaseFigures) -> str:
    """A line for each subject, and how many times its figure ours is."""
    ours = [subject for subject in case.measured() if subject.is_ours]
    first = case.ours() or (ours[0] if ours else None)
    rows = list(_latency_rows(case, first) if any(_told(case)) else _rows(case, first))
    lines = [f"- {_target(target, case)}" for target in case.targets]
    return "\n\n".join([f"**{case.name}**", table(rows), *(["\n".join(lines)] if lines else [])])


def _rows(case: CaseFigures, first: SubjectFigures | None) -> Iterable[list[str]]:
    yield ["", case.unit, "lowest", "highest", _compared(first)]
    for subject in case.subjects:
        if subject.median is None:
            yield [subject.name, f"not here: {subject.absent}" if subject.absent else "failed", "", "", ""]
        else:
            figures = [subject.median, min(subject.figures), max(subject.figures)]
            yield [subject.name, *map(amount, figures), _ratio(case, first, subject)]


def _latency_rows(case: CaseFigures, first: SubjectFigures | None) -> Iterable[list[str]]:
    yield ["", *[f"p{percent}, ms" for percent in _SHOWN], "longest", "of", _compared(first)]
    for subject in case.subjects:
        if (told := subject.latencies) is None:
            yield [subject.name, f"not here: {subject.absent}" if subject.absent else "failed", "", "", "", "", "", ""]
        else:
            shown = [amount(told.percentiles[at]) if at in told.percentiles else "" for at in _SHOWN]
            yield [subject.name, *shown, amount(told.longest), f"{told.count:,}", _ratio(case, first, subject)]


def _told(case: CaseFigures) -> Iterable[bool]:
    return (subject.latencies is not None for subject in case.subjects)


def _compared(first: SubjectFigures | None) -> str:
    return f"{first.name} / this" if first else ""


def _ratio(case: CaseFigures, first: SubjectFigures | None, subject: SubjectFigures) -> str:
    return ratio(case.ratio(first, subject)) if first and subject is not first else ""


def _target(target: TargetFigures, case: CaseFigures) -> str:
    bound = f"{'at most' if case.less_is_better else 'at least'} {amount(target.bound)}"
    of = f" x {target.of}" if target.of else f" {case.unit}"
    stretch = f" (stretch {amount(target.stretch)})" if target.stretch else ""
    what = f"target: {target.subject} {bound}{of}{stretch}"
    if target.reached is None:
        return f"{what}: not measured"
    reached = ratio(target.reached) if target.of else amount(target.reached)
    return f"{what}: {reached}, **{'met' if target.met else 'missed'}**"
