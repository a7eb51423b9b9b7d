"""The report in its three forms: a table for the terminal, JSON, and Markdown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from nact_conformance._reporting.finding import Finding, Outcome
from nact_conformance._reporting.verdict import Subject
from nact_conformance._reporting.versions import about_kit, about_run
from nact_conformance._trying.law import GUARANTEES

FAILED = (Outcome.BROKEN, Outcome.HELD_THOUGH_DECLARED)
OPEN = (Outcome.REPLACED, Outcome.NOT_RUN)


def as_terminal(subject: Subject) -> Iterable[str]:
    """The table of guarantees, remarks on single laws, and the verdict."""
    yield f"engine: {subject.engine}"
    if subject.server:
        yield f"server: {subject.server}"
    yield f"kit:    {about_kit()}"
    yield ""
    for number, title in GUARANTEES.items():
        yield f"{number:3}  {title:<47} {_standing(subject, number)}"
    for outcome in (*FAILED, Outcome.REPLACED, Outcome.DECLARED):
        yield from _named(outcome.value, [_line(subject, finding) for finding in subject.those(outcome)])
    for outcome in (Outcome.NOT_RUN, Outcome.NOT_OFFERED, Outcome.NOT_TESTED):
        yield from _named(outcome.value, _by_reason(subject.those(outcome)))
    yield ""
    yield subject.verdict.words


def as_json(subjects: Sequence[Subject]) -> str:
    """Everything, for other programs."""
    told = {"kit": about_kit(), **about_run(), "subjects": [_subject_as_json(each) for each in subjects]}
    return json.dumps(told, indent=2) + "\n"


def as_markdown(subjects: Sequence[Subject]) -> str:
    """A table of guarantees and one of laws for each engine, for a README."""
    return "\n".join(line for subject in subjects for line in _subject_as_markdown(subject))


def _standing(subject: Subject, guarantee: int) -> str:
    """A line about one guarantee."""
    counts = Counter(
        subject.finding(law_id).outcome for law_id in subject.law_ids if subject.guarantee_of(law_id) == guarantee
    )
    word = "kept" if counts[Outcome.HELD] else "-"
    word = "open" if any(counts[outcome] for outcome in OPEN) else word
    word = "FAILED" if any(counts[outcome] for outcome in FAILED) else word
    details = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome])
    return f"{word:<7} {details}"


def _line(subject: Subject, finding: Finding) -> str:
    sentence = subject.laws[finding.law_id].sentence if finding.law_id in subject.laws else "a law of the author's own"
    told = _happened(finding)
    return f"{finding.law_id}  {sentence}" + (f" ({told})" if told else "")


def _happened(finding: Finding) -> str:
    """The line of a broken law that says what happened. The test's failure tells the rest."""
    lines = finding.told.splitlines()
    return next(
        (line.removeprefix("happened: ") for line in lines if line.startswith("happened: ")), lines[0] if lines else ""
    )


def _by_reason(findings: Sequence[Finding]) -> list[str]:
    """A line for each reason, with the laws that have it."""
    laws: dict[str, list[str]] = {}
    for finding in findings:
        laws.setdefault(finding.told, []).append(finding.law_id)
    return [f"{told} ({len(ids)}: {', '.join(ids[:6])}{', ...' if len(ids) > 6 else ''})" for told, ids in laws.items()]


def _named(title: str, lines: Sequence[str], most: int = 30) -> Iterable[str]:
    if lines:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in lines[:most])
        if len(lines) > most:
            yield f"  ... and {len(lines) - most} more"


def _subject_as_json(subject: Subject) -> dict[str, object]:
    findings = [subject.finding(law_id) for law_id in subject.law_ids]
    laws = [
        {
            **finding.as_json(),
            "law": subject.laws[finding.law_id].sentence if finding.law_id in subject.laws else None,
            "guarantee": subject.guarantee_of(finding.law_id),
        }
        for finding in findings
    ]
    return {
        "name": subject.name,
        "engine": subject.engine,
        "server": subject.server,
        "conformant": subject.verdict.conformant,
        "verdict": subject.verdict.words,
        "guarantees": {str(number): _standing(subject, number) for number in GUARANTEES},
        "laws": laws,
    }


def _subject_as_markdown(subject: Subject) -> Iterable[str]:
    server = f", server {subject.server}" if subject.server else ""
    yield f"### Conformance of `{subject.engine}`{server}"
    yield ""
    yield f"**{subject.verdict.words}** ({about_kit()})"
    yield ""
    yield "| | guarantee | |"
    yield "|--:|---|---|"
    for number, title in GUARANTEES.items():
        yield f"| {number} | {title} | {_standing(subject, number).strip()} |"
    yield ""
    yield "| law | what it says | verdict |"
    yield "|---|---|---|"
    for law_id in subject.law_ids:
        finding = subject.finding(law_id)
        sentence = subject.laws[law_id].sentence if law_id in subject.laws else ""
        told = "" if finding.outcome is Outcome.HELD else f": {_happened(finding)}".replace("|", "\\|")
        yield f"| {law_id} | {sentence} | {finding.outcome.value}{told} |"
    yield ""
