"""Puts the table of guarantees into a README, between its two marks."""

from __future__ import annotations

BEGIN, END = "<!-- guarantees:begin -->", "<!-- guarantees:end -->"


class NoMarksError(Exception):
    """The README doesn't say where the table goes."""


def with_table(readme: str, table: str) -> str:
    """The README with the table in the place of what stood between the marks.

    Raises:
        NoMarksError: There aren't both marks, in order, once each.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in before + after:
        raise NoMarksError(f"README.md needs one {BEGIN} and then one {END}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"
