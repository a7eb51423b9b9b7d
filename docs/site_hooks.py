"""What the site shows that isn't written by hand: the list of decision records, and the packages' changelogs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

TITLE = re.compile(r"^# (.*)$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for each page: puts the lists where the page asks for them."""
    if "<!-- decisions -->" in markdown:
        markdown = markdown.replace("<!-- decisions -->", decisions())
    if "<!-- changelogs -->" in markdown:
        markdown = markdown.replace("<!-- changelogs -->", changelogs())
    return markdown


def decisions() -> str:
    """A list of the records in `docs/adr`, by number."""
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    return "\n".join(f"- [{_title(record)}]({record.name})" for record in records)


def changelogs() -> str:
    """The changelogs of all packages, with their headings a level lower."""
    files = [*sorted(ROOT.glob("packages/*/CHANGELOG.md")), ROOT / "conformance-tests" / "CHANGELOG.md"]
    return "\n\n".join(re.sub(r"^#", "##", file.read_text(encoding="utf-8"), flags=re.MULTILINE) for file in files)


def _title(record: Path) -> str:
    found = TITLE.search(record.read_text(encoding="utf-8"))
    return re.sub(r"^(\d+)\. ", r"\1 · ", found[1]) if found else record.stem
