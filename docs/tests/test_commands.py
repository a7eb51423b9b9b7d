"""Commands that aren't run name only what exists; SQL for SQLite runs on a journal."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from printed import commands
from printed.blocks import Block, all_pages, blocks_of

from nact.persistence import PersistedEvent
from nact_persistence_sqlite import SqlitePersistenceEngine

SHELL = [
    block for page in all_pages() for block in blocks_of(page) if block.language in {"sh", "bash"} and not block.not_run
]


@pytest.mark.parametrize("block", SHELL, ids=[block.place for block in SHELL])
def test_what_a_command_names_exists(block: Block) -> None:
    for words in commands.commands_of(block):
        commands.check(words)


QUERIES = [
    words[2]
    for block in SHELL
    for words in commands.commands_of(block)
    if words[0] == "sqlite3" and not words[2].startswith(".")
]


@pytest.mark.parametrize("query", QUERIES)
def test_sql_for_sqlite_reads_a_journal(query: str, tmp_path: Path) -> None:
    async def write() -> None:
        async with SqlitePersistenceEngine(tmp_path / "journal.db") as engine:
            await engine.persist(PersistedEvent(key="ada", sequence_number=1, data={"name": "Grace"}))

    asyncio.run(write())
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        assert connection.execute(query).fetchall()
