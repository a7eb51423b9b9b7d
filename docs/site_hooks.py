"""What the site shows that isn't written by hand: decision records, changelogs, and the plots that there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

ROOT = Path(__file__).parents[1]

PLOTS = re.compile(r"<!-- plots: ([a-z ]+) -->")

ALTERNATIVES = {
    "throughput": "Events persisted in a second, by the number of actors, for each engine, its raw limit and its peers",
    "latency": "How long a persist takes, as a distribution, for each engine",
    "replay": "Events read in a second, by replay and by recovery, for each engine",
    "growth": "How persisting and reading slow down as a journal grows",
    "actors": "Messages between actors in a second, beside other libraries",
}

TITLE = re.compile(r"^# (.*)$", re.MULTILINE)


NOT_RUN = re.compile(r'^(```.*?) notrun="[^"]*"')

AFTER_SNIPPETS_BEFORE_FENCES = 28


class WithoutReasons(Preprocessor):
    """Takes the reason why a block isn't run out of its first line, which otherwise begins no block of code."""

    def run(self, lines: list[str]) -> list[str]:
        return [NOT_RUN.sub(r"\1", line) for line in lines]


class Reasons(Extension):
    """Takes `notrun="..."` out of pages, and out of files that they include."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - its name in Markdown
        md.preprocessors.register(WithoutReasons(md), "notrun", AFTER_SNIPPETS_BEFORE_FENCES)


def on_config(config: Any) -> Any:
    """Called by mkdocs once."""
    config.markdown_extensions.append(Reasons())
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for each page: puts the lists where the page asks for them."""
    if "<!-- decisions -->" in markdown:
        markdown = markdown.replace("<!-- decisions -->", decisions())
    if "<!-- changelogs -->" in markdown:
        markdown = markdown.replace("<!-- changelogs -->", changelogs())
    if "<!-- contributing -->" in markdown:
        markdown = markdown.replace("<!-- contributing -->", contributing())
    return PLOTS.sub(lambda found: plots(found[1].split()), markdown)


def decisions() -> str:
    """A list of the records in `docs/adr`, by number."""
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    return "\n".join(f"- [{_title(record)}]({record.name})" for record in records)


def changelogs() -> str:
    """The changelogs of all packages, with their headings a level lower."""
    files = [*sorted(ROOT.glob("packages/*/CHANGELOG.md")), ROOT / "conformance-tests" / "CHANGELOG.md"]
    return "\n\n".join(re.sub(r"^#", "##", file.read_text(encoding="utf-8"), flags=re.MULTILINE) for file in files)


def contributing() -> str:
    """CONTRIBUTING.md without its title, and with its links as they are from the site's page."""
    text = TITLE.sub("", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), count=1)
    return text.replace("](docs/", "](../")


def plots(names: Sequence[str]) -> str:
    """Of these plots in `docs/measured`, those that were drawn."""
    drawn = [name for name in names if (ROOT / "docs" / "measured" / f"{name}.svg").exists()]
    return "\n\n".join(f"![{ALTERNATIVES[name]}](../measured/{name}.svg)" for name in drawn)


def _title(record: Path) -> str:
    found = TITLE.search(record.read_text(encoding="utf-8"))
    return re.sub(r"^(\d+)\. ", r"\1 · ", found[1]) if found else record.stem
