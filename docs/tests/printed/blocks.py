"""Finds the code blocks of every page, and what their fences say of them.

A fence's first word is the language. Behind it may stand `title="greet.py"`, which names a file, and `notrun="..."`,
which says why a block of a kind that is tried is not.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]

FOLDERS = ("", "docs", "packages/*", "conformance-tests", "examples/*", "benchmarks", "storms", "tools")

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^\n`]*)$")

OPTION = re.compile(r'(\w+)="([^"]*)"')


class Block(NamedTuple):
    """A code block, and where it stands."""

    page: str
    line: int
    language: str
    options: dict[str, str]
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def title(self) -> str | None:
        return self.options.get("title")

    @property
    def not_run(self) -> str | None:
        return self.options.get("notrun")


def all_pages() -> list[str]:
    """Every page that a person may read, but changelogs, which have no code."""
    found = {page for folder in FOLDERS for page in ROOT.glob(f"{folder}/*.md" if folder else "*.md")}
    found |= set((ROOT / "docs").rglob("*.md"))
    return sorted(str(page.relative_to(ROOT)) for page in found if page.name != "CHANGELOG.md")


def blocks_of(page: str) -> list[Block]:
    """The page's code blocks, in order."""
    return list(_parsed(page, (ROOT / page).read_text(encoding="utf-8")))


def _parsed(page: str, text: str) -> list[Block]:
    blocks: list[Block] = []
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        if fence := FENCE.match(lines[at]):
            end = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == fence["fence"]), None)
            if end is None:
                raise ValueError(f"{page}:{at + 1}: this block has no end")
            language, _, options = fence["info"].strip().partition(" ")
            inside = "".join(f"{line.removeprefix(fence['indent'])}\n" for line in lines[at + 1 : end])
            blocks.append(Block(page, at + 1, language, dict(OPTION.findall(options)), inside))
            at = end
        at += 1
    return blocks
