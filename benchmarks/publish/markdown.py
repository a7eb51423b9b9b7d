"""Markdown, as all of our pages have it."""

from __future__ import annotations

from collections.abc import Sequence

MADE = "<!-- Made by `nox -s publish` from the files in docs/measured. Edits get lost. -->"


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table; its first row is the heading, and all columns but the first hold figures or short words."""
    heading, *others = rows
    rule = ["---", *["--:"] * (len(heading) - 1)]
    return "\n".join(f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in [heading, rule, *others])


def section(name: str, text: str) -> str:
    """A part that other pages can include by its name."""
    return f"<!-- --8<-- [start:{name}] -->\n\n{text}\n\n<!-- --8<-- [end:{name}] -->"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
