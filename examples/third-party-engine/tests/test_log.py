"""Other programs change the file: an error, and no event that is acknowledged and lost, or stored after a gap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nact.errors import (
    CorruptJournalError,
    EngineUnavailableError,
    InvalidEventError,
    OutcomeUnknownError,
    SequenceConflictError,
)
from nact.persistence import PersistedEvent
from nact.persistence.records import tombstone
from nact_persistence_log import LogPersistenceEngine


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"")
    other.rename(path)


def event(number: int, **fields: Any) -> PersistedEvent:
    return PersistedEvent(key="k", sequence_number=number, data=None, **fields)


@pytest.mark.parametrize("harm", [empty, replace])
def test_no_event_is_stored_after_a_gap(tmp_path: Path, harm: Callable[[Path], object]) -> None:
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


def test_a_line_that_was_removed_is_missed(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "journal.log"
        async with LogPersistenceEngine(path) as engine:
            for number in (1, 2, 3):
                await engine.persist(event(number))
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(lines[0] + lines[2])
        async with LogPersistenceEngine(path) as engine:
            with pytest.raises(CorruptJournalError) as raised:
                _ = [each async for each in engine.events("k")]
            assert raised.value.sequence_number == 2

    asyncio.run(main())


def test_metadata_is_stored_exactly_or_refused(tmp_path: Path) -> None:
    async def main() -> None:
        stored = [event(1, metadata={"by": "ann", "n": [2**63 - 1, None]}), event(2)]
        async with LogPersistenceEngine(tmp_path / "journal.log") as engine:
            await engine.persist_all(stored)
            with pytest.raises(InvalidEventError, match="metadata"):
                await engine.persist(event(3, metadata={"by": ("ann",)}))
            assert [each async for each in engine.events("k")] == stored
        assert b'"metadata":{"by":"ann"' in (tmp_path / "journal.log").read_bytes()

    asyncio.run(main())


def test_a_journal_may_begin_with_a_tombstone(tmp_path: Path) -> None:
    async def main() -> None:
        dead, following = tombstone(event(7)), event(8)
        async with LogPersistenceEngine(tmp_path / "journal.log") as engine:
            await asyncio.gather(*map(engine.persist, (dead, dead, following)))  # the second one is a retry
            for other in (tombstone(event(9)), tombstone(event(7)), event(1)):
                with pytest.raises(SequenceConflictError):
                    await engine.persist(other)
        async with LogPersistenceEngine(tmp_path / "journal.log") as engine:
            assert [each async for each in engine.events("k")] == [dead, following]
            assert await engine.highest_sequence_number("k") == 8

    asyncio.run(main())


def test_several_event_loops_use_it_one_after_another(tmp_path: Path) -> None:
    engine = LogPersistenceEngine(tmp_path / "journal.log")
    for number in (1, 2, 3):
        asyncio.run(engine.persist(event(number)))
    assert asyncio.run(engine.highest_sequence_number("k")) == 3
    asyncio.run(engine.aclose())
