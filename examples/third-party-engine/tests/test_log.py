"""What others do to the file: an error, and no event that is acknowledged and lost, or stored behind a gap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from nact.errors import EngineUnavailableError, OutcomeUnknownError, SequenceConflictError
from nact.persistence import PersistedEvent
from nact_persistence_log import LogPersistenceEngine


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"")
    other.rename(path)


def event(number: int) -> PersistedEvent:
    return PersistedEvent(key="k", sequence_number=number, data=None)


@pytest.mark.parametrize("harm", [empty, replace])
def test_no_event_is_stored_behind_a_gap(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    async def main() -> None:
        async with LogPersistenceEngine(tmp_path / "journal.log") as engine:
            await engine.persist(event(1))
            harm(tmp_path / "journal.log")
            with pytest.raises(EngineUnavailableError) as raised:
                await engine.persist(event(2))
            assert not isinstance(raised.value, OutcomeUnknownError)
            with pytest.raises(SequenceConflictError):
                await engine.persist(event(2))

    asyncio.run(main())


def test_a_file_that_went_away_is_not_replaced(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "journal.log"
        async with LogPersistenceEngine(path) as engine:
            await engine.persist(event(1))
            path.rename(tmp_path / "away")
            for _ in range(2):
                with pytest.raises(EngineUnavailableError):
                    await engine.persist(event(2))
            with pytest.raises(EngineUnavailableError):
                await engine.highest_sequence_number("k")
            (tmp_path / "away").rename(path)
            await engine.persist(event(2))
            assert await engine.highest_sequence_number("k") == 2

    asyncio.run(main())
