"""What was acknowledged, held against what was recovered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from contacts.messages import Contact

TOLD = 5


class Comparison(NamedTuple):
    """One user's contacts, before the kill and after it.

    Attributes:
        user: Whose they are.
        before: How many were there when the process began: those of earlier runs.
        acknowledged: How many it acknowledged, until it was killed.
        recovered: How many were there when it began again.
        in_flight: How many of those nobody had acknowledged: in the journal already, the answer not yet on its way.
        lost: Those that should be there, and aren't, or are different.
    """

    user: str
    before: int
    acknowledged: int
    recovered: int
    in_flight: int
    lost: Sequence[Contact]


def compare(
    user: str, before: Iterable[Contact], acknowledged: Iterable[Contact], recovered: Iterable[Contact]
) -> Comparison:
    """Finds what was lost, contact by contact and field by field."""
    there = {contact.id: contact for contact in before}
    new = {contact.id: contact for contact in acknowledged}
    found = {contact.id: contact for contact in recovered}
    expected = there | new
    lost = [contact for contact in expected.values() if found.get(contact.id) != contact]
    return Comparison(user, len(there), len(new), len(found), len(found.keys() - expected.keys()), lost)


def table(comparisons: Sequence[Comparison]) -> str:
    """The comparisons, a line for each, in columns."""
    titles = ("there before", "acknowledged", "in flight", "recovered", "lost")
    width = max(len("user"), *(len(c.user) for c in comparisons))
    lines = ["  ".join([f"{'user':{width}}", *titles])]
    for c in comparisons:
        counts = (c.before, c.acknowledged, c.in_flight, c.recovered, len(c.lost))
        cells = [f"{count:{len(title)}}" for title, count in zip(titles, counts, strict=True)]
        lines.append("  ".join([f"{c.user:{width}}", *cells]))
    return "\n".join(lines)


def missing(comparisons: Sequence[Comparison]) -> str:
    """The first few of what was lost, a line for each; nothing, where nothing was."""
    lost = [f"{c.user}: {contact.name} ({contact.id})\n" for c in comparisons for contact in c.lost]
    return "".join(lost[:TOLD]) + ("...\n" if len(lost) > TOLD else "")


def verdict(comparisons: Sequence[Comparison]) -> str:
    """What it comes to, in one line."""
    expected = sum(c.before + c.acknowledged for c in comparisons)
    if lost := sum(len(c.lost) for c in comparisons):
        return f"LOST: {lost} of {expected} acknowledged contacts."
    return f"Nothing acknowledged was lost: all {expected} contacts are there."
