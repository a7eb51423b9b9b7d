from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from nact.persistence import PersistedEvent
from nact_persistence_sqlite import SqlitePersistenceEngine

sys.path.insert(0, str(Path(__file__).parent))  # for sqlite_sessions


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def key() -> str:
    return f"contacts:{uuid4()}"


@pytest.fixture
async def engine(path: Path) -> AsyncIterator[SqlitePersistenceEngine]:
    engine = SqlitePersistenceEngine(path, timeout=30)
    yield engine
    await engine.aclose()


@pytest.fixture
def shell(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as another program sees it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def numbered() -> Callable[..., list[PersistedEvent]]:
    """Events of a key, from one number to another."""

    def make(key: str, first: int, last: int, **fields: Any) -> list[PersistedEvent]:
        return [
            PersistedEvent(key=key, sequence_number=number, **{"data": {"n": number}, **fields})
            for number in range(first, last + 1)
        ]

    return make


@pytest.fixture
def start_python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python processes with the text of a program and arguments, and ends those that are left."""
    running: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(child)
        return child

    yield start
    for child in running:
        child.kill()
        child.communicate()


@pytest.fixture
def killed() -> Callable[[subprocess.Popen[str]], dict[str, int]]:
    """Kills a process that prints a key and a number for each acknowledged event; returns the last number of each."""
    chance = random.Random(os.environ.get("NACT_CRASH_SEED", "nact"))

    def at_a_random_moment(writer: subprocess.Popen[str]) -> dict[str, int]:
        assert writer.stdout is not None
        lines = [writer.stdout.readline()]
        killer = threading.Timer(chance.uniform(0.0, 0.4), writer.kill)
        killer.start()
        lines += writer.stdout.readlines()
        killer.join()
        assert writer.wait() < 0, "it ended by itself"
        pairs = [line.split() for line in lines if line.endswith("\n")]
        return {key: int(number) for key, number in pairs}

    return at_a_random_moment
