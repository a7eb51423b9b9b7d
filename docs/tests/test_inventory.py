"""No block is passed over in silence: what isn't tried says why."""

from __future__ import annotations

import json
import sys
import tomllib

import pytest
from printed.blocks import ROOT, Block, all_pages, blocks_of

TRIED = {
    "python": "test_programs.py where it has a title, else test_fragments.py",
    "console": "test_programs.py",
    "sh": "test_commands.py",
    "bash": "test_commands.py",
    "toml": "here",
    "json": "here",
}

NOT_RUN = {
    "": "a layout or a report, shown as an example",
    "text": "a layout or a report, shown as an example",
    "sql": "needs a Postgres server",
    "js": "a document of MongoDB, in the notation of its shell",
    "javascript": "nact for JavaScript, beside the Python that is run",
    "scala": "Pekko, beside the Python that is run",
    "yaml": "settings of a tool that isn't ours",
    "redis": "an exchange with a Redis server",
}

BLOCKS = [block for page in all_pages() for block in blocks_of(page)]


def reason(block: Block) -> str | None:
    """Why it isn't tried; `None` if it is."""
    if block.not_run or block.language in TRIED:
        return block.not_run
    assert block.language in NOT_RUN, f'{block.place}: try {block.language}, or say why it isn\'t run: notrun="..."'
    return NOT_RUN[block.language]


@pytest.mark.parametrize("page", sorted({block.page for block in BLOCKS}))
def test_every_block_is_tried_or_says_why_not(page: str) -> None:
    for block in blocks_of(page):
        if why := reason(block):
            sys.stdout.write(f"{block.place}: {block.language or 'text'} isn't run: {why}\n")  # pytest -rP shows it


def test_every_transcript_belongs_to_a_program() -> None:
    for page in {block.page for block in BLOCKS}:
        blocks = [block for block in blocks_of(page) if not block.not_run]
        if any(block.language == "console" for block in blocks):
            assert any(block.title for block in blocks), f"{page}: a transcript, and no program with a title"


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language in {"toml", "json"}], ids=lambda b: b.place)
def test_data_can_be_read(block: Block) -> None:
    read = {"toml": tomllib.loads, "json": json.loads}[block.language]
    assert read(block.text)


def test_every_page_is_looked_at() -> None:
    not_ours = {"build", "dist", "node_modules", "site"}
    folders = [each for each in ROOT.iterdir() if each.is_dir() and each.name not in not_ours and each.name[0] != "."]
    pages = [*ROOT.glob("*.md"), *[page for folder in folders for page in folder.rglob("*.md")]]
    with_code = {str(page.relative_to(ROOT)) for page in pages if "```" in page.read_text(encoding="utf-8")}
    assert with_code <= set(all_pages())
