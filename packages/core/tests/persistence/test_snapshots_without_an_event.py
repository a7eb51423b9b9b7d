"""Snapshots that don't name the event they stand on, as nact for JavaScript takes them, are held against its time."""

import pytest

from nact import configure_persistence, spawn_persistent, start
from nact.persistence import MemoryPersistenceEngine, PersistedEvent, PersistedSnapshot

from .doubles import ask, collect

pytestmark = pytest.mark.anyio


async def recovered(engine: MemoryPersistenceEngine) -> object:
    async with start(configure_persistence(engine, close=False)) as system:
        return await ask(spawn_persistent(system, collect, key="k", initial_state=[]))


async def journal(*times: int) -> MemoryPersistenceEngine:
    engine = MemoryPersistenceEngine()
    for number, time in enumerate(times, 1):
        await engine.persist(PersistedEvent(key="k", sequence_number=number, data=number, created_at=time))
    return engine


@pytest.mark.parametrize("taken", [20, 21])
async def test_a_snapshot_taken_after_its_event_counts(taken: int) -> None:
    engine = await journal(10, 20, 30)
    await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=2, data=["both"], created_at=taken))
    assert await recovered(engine) == ["both", 3]


async def test_a_snapshot_ahead_never_hides_a_later_event(caplog: pytest.LogCaptureFixture) -> None:
    engine = await journal(10)
    await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=2, data=["ahead"], created_at=15))
    assert await recovered(engine) == [1]
    assert "ahead of its journal" in caplog.text
    await engine.persist(PersistedEvent(key="k", sequence_number=2, data=2, created_at=20))
    assert await recovered(engine) == [1, 2]
    assert "event 2 was stored after it was taken" in caplog.text
