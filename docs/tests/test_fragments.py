"""Pieces of Python that aren't whole programs run, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from printed import fragments
from printed.blocks import Block, all_pages, blocks_of
from pymongo import AsyncMongoClient

from nact.persistence import MemoryPersistenceEngine

FRAGMENTS = [
    block
    for page in all_pages()
    for block in blocks_of(page)
    if block.language == "python" and not block.title and not block.not_run
]

GIVEN: dict[str, Any] = {
    "url": "mongodb://localhost",
    "AsyncMongoClient": AsyncMongoClient,
    "store": None,
    "engine": MemoryPersistenceEngine(),
}
"""What the text around a fragment speaks of."""


@pytest.mark.parametrize("block", FRAGMENTS, ids=[block.place for block in FRAGMENTS])
def test_a_fragment_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fragments.run(block, tmp_path, monkeypatch, GIVEN)
