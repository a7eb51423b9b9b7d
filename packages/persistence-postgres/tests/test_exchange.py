"""Journals exchanged with the original: nact for JavaScript on Node."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import anyio.to_thread
import asyncpg
import pytest

from nact import configure_persistence, dispatch, query, spawn_persistent, start
from nact.errors import SequenceConflictError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.context import PersistentContext
from nact_conformance.containers import PostgresStorage
from nact_persistence_postgres import PostgresPersistenceEngine

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent
Node = Callable[..., object]


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nact 7.6.2 and its Postgres engine; without Node, these tests are skipped."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no Node")
    folder = tmp_path_factory.mktemp("node")
    packages = ["nact@7.6.2", "nact-persistence-postgres@8.0.1"]
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if os.environ.get("CI") == "true":
            pytest.fail(f"npm install failed: {done.stdout} {done.stderr}")
        pytest.skip(f"npm install failed: {done.stderr[-200:]}")
    shutil.copy(HERE / "exchange.js", folder)
    return folder


@pytest.fixture
def node(node_modules: Path, server: PostgresStorage) -> Node:
    """Runs an actor of nact for JavaScript: it recovers, adds the given numbers, and tells its state."""

    def run(key: str, *numbers: float, snapshot_every: int = 0, database: str = "test") -> object:
        url = server.direct_url.replace("postgresql", "postgres").removesuffix("test") + database
        command = ["node", "exchange.js", url, key, str(snapshot_every), *map(str, numbers)]
        done = subprocess.run(command, cwd=node_modules, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    return run


async def adding(state: list[int], msg: object, ctx: PersistentContext[object, object]) -> list[int]:
    """The same actor as in exchange.js."""
    if isinstance(msg, dict) and "add" in msg:
        if not ctx.recovering:
            await ctx.persist(msg, ["numbers", "added"])
        return [*state, msg["add"]]
    dispatch(ctx.sender, state, ctx.self)
    return state


async def in_python(engine: PostgresPersistenceEngine, key: str, *numbers: int, snapshot_every: int = 0) -> object:
    async with start(configure_persistence(engine, close=False)) as system:
        every = snapshot_every or None
        actor = spawn_persistent(system, adding, key=key, initial_state=[], snapshot_every=every)
        for number in numbers:
            dispatch(actor, {"add": number})
        return await query(actor, "tell", 10)


@pytest.fixture
async def public(server: PostgresStorage) -> PostgresPersistenceEngine:
    return PostgresPersistenceEngine(server.bare_url)


async def test_journals_go_to_and_fro(public: PostgresPersistenceEngine, node: Node, key: str) -> None:
    async with public as engine:
        assert await anyio.to_thread.run_sync(node, key, 1, 2) == [1, 2]
        assert await in_python(engine, key, 3, 4) == [1, 2, 3, 4]
        assert await anyio.to_thread.run_sync(node, key, 5) == [1, 2, 3, 4, 5]
        assert await in_python(engine, key) == [1, 2, 3, 4, 5]
        events = [each async for each in engine.events(key)]
        assert [each.tags for each in events] == [("added", "numbers")] * 5
        assert [each.sequence_number async for each in engine.events(key, tags=["numbers"])] == [1, 2, 3, 4, 5]


async def test_a_snapshot_of_javascript_is_used(public: PostgresPersistenceEngine, node: Node, key: str) -> None:
    async with public as engine:
        assert await anyio.to_thread.run_sync(lambda: node(key, 1, 2, 3, snapshot_every=2)) == [1, 2, 3]
        snapshot = await engine.latest_snapshot(key)
        assert snapshot is not None
        assert snapshot.data == list(range(1, snapshot.sequence_number + 1))
        assert await in_python(engine, key, 4) == [1, 2, 3, 4]


async def test_a_snapshot_of_python_is_used(public: PostgresPersistenceEngine, node: Node, key: str) -> None:
    async with public as engine:
        assert await in_python(engine, key, 1, 2) == [1, 2]
        await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=2, data=["from", "python"]))
    assert await anyio.to_thread.run_sync(node, key, 3) == ["from", "python", 3]


async def test_floats_of_javascript_are_continued(public: PostgresPersistenceEngine, node: Node, key: str) -> None:
    async with public as engine:
        written = [1e19, 2.0**63, 1e21, 1e300, 0.1, 2**53]
        told = await anyio.to_thread.run_sync(lambda: node(key, *written, snapshot_every=2))
        assert isinstance(told, list)
        assert [float(number) for number in told] == written  # JavaScript writes 9223372036854776000 for 2 ** 63
        assert await in_python(engine, key, 7, snapshot_every=1) == [*written, 7]
        events = [event async for event in engine.events(key)]
        assert [type(event.data["add"]) for event in events[:3]] == [float] * 3
        snapshot = await engine.latest_snapshot(key)
        assert snapshot is not None
        assert snapshot.data == [*written, 7]


async def test_metadata_passes_by_javascript(public: PostgresPersistenceEngine, node: Node, key: str) -> None:
    async with public as engine:
        ours = PersistedEvent(key=key, sequence_number=1, data={"add": 1}, metadata={"by": "ann"})
        await engine.persist(ours)
        await engine.take_snapshot(
            PersistedSnapshot(key=key, sequence_number=1, data=[1], event_id=ours.event_id, metadata={"by": "ann"})
        )
        assert await anyio.to_thread.run_sync(lambda: node(key, 2, 3, snapshot_every=1)) == [1, 2, 3]
        assert [each.metadata async for each in engine.events(key)] == [{"by": "ann"}, {}, {}]
        snapshots = [await engine.latest_snapshot(key, up_to=number) for number in (1, 3)]
        assert [each and (each.data, each.metadata) for each in snapshots] == [([1], {"by": "ann"}), ([1, 2, 3], {})]


async def test_a_tombstone_is_passed_over_by_javascript(
    public: PostgresPersistenceEngine, node: Node, key: str
) -> None:
    async with public as engine:
        for number in range(1, 5):
            await engine.persist(PersistedEvent(key=key, sequence_number=number, data={"add": number}))
        await engine.delete_events(key, up_to=2)
        assert await anyio.to_thread.run_sync(node, key, 5) == [3, 4, 5]
        assert await engine.highest_sequence_number(key) == 5


async def test_ten_starters_at_once_continue_a_journal_of_javascript(
    server: PostgresStorage, database: asyncpg.Connection[asyncpg.Record], node: Node, key: str
) -> None:
    name = f"of_node_{uuid4().hex[:8]}"
    await database.execute(f"CREATE DATABASE {name}")
    assert await anyio.to_thread.run_sync(lambda: node(key, 1, 2, database=name)) == [1, 2]
    url = server.bare_url.removesuffix("test") + name
    engines = [PostgresPersistenceEngine(url) for _ in range(10)]
    events = [PersistedEvent(key=key, sequence_number=3, data={"add": number}) for number in range(10)]
    writes = [engine.persist(event) for engine, event in zip(engines, events, strict=True)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert results.count(None) == 1
    assert sum(isinstance(result, SequenceConflictError) for result in results) == 9
    for engine in engines:
        await engine.aclose()
    winner = results.index(None)
    assert await anyio.to_thread.run_sync(lambda: node(key, 4, database=name)) == [1, 2, winner, 4]
