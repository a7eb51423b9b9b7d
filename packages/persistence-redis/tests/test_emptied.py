"""Journals that another program emptied, while engines that wrote them are open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from nact.errors import CorruptJournalError, SequenceConflictError
from nact.persistence import PersistedEvent
from nact_persistence_redis import RedisPersistenceEngine

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]
Emptying = Callable[[Redis, str], Awaitable[object]]


async def flush(shell: Redis, _stream: str) -> object:
    return await shell.flushdb()


async def delete(shell: Redis, stream: str) -> object:
    """As eviction does."""
    return await shell.delete(stream)


async def expire(shell: Redis, stream: str) -> object:
    return await shell.pexpire(stream, -1)


async def trim(shell: Redis, stream: str) -> object:
    return await shell.xtrim(stream, maxlen=0, approximate=False)


async def remove_last(shell: Redis, stream: str) -> object:
    return await shell.xdel(stream, "3-0")


async def make_anew(shell: Redis, stream: str) -> object:
    await shell.delete(stream)
    return await shell.xadd(stream, {"event_id": "x", "created_at": 1, "tags": "[]", "data": "1"}, id="1-0")


@pytest.mark.parametrize("empty", [flush, delete, expire, trim, remove_last, make_anew])
async def test_no_event_is_stored_after_a_gap(
    engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered, empty: Emptying
) -> None:
    stream = f"nact:{{{key}}}:events"
    await engine.persist_all(numbered(key, 1, 3))
    await empty(shell, stream)
    left = await shell.xlen(stream)
    for write in (engine.persist(numbered(key, 4, 4)[0]), engine.persist_all(numbered(key, 4, 6))):
        with pytest.raises((SequenceConflictError, CorruptJournalError)):
            await write
    assert await shell.xlen(stream) == left


@pytest.mark.parametrize("empty", [flush, delete, expire])
async def test_a_key_that_begins_anew_has_one_winner(
    engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered, empty: Emptying
) -> None:
    async with RedisPersistenceEngine(shell) as other:
        await engine.persist_all(numbered(key, 1, 3))
        await empty(shell, f"nact:{{{key}}}:events")
        writes = [each.persist(numbered(key, 1, 1)[0]) for each in (engine, other)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "SequenceConflictError"]


async def test_a_journal_without_its_last_event_names_it(
    engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered
) -> None:
    await engine.persist_all(numbered(key, 1, 3))
    await remove_last(shell, f"nact:{{{key}}}:events")
    with pytest.raises(CorruptJournalError) as raised:
        await engine.persist(numbered(key, 4, 4)[0])
    assert (raised.value.key, raised.value.sequence_number) == (key, 3)


async def test_a_journal_without_its_last_event_harms_its_own_key_only(
    engine: RedisPersistenceEngine, shell: Redis, key: str, numbered: Numbered
) -> None:
    """An actor that recovered without it persists the same number, which the stream doesn't take twice."""
    await engine.persist_all(numbered(key, 1, 3))
    await remove_last(shell, f"nact:{{{key}}}:events")
    writes = [
        engine.persist(numbered(name, 3 if name == key else 1, 3 if name == key else 1)[0]) for name in (key, "b", "c")
    ]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert isinstance(outcomes[0], SequenceConflictError | CorruptJournalError)
    assert outcomes[1:] == [None, None]
