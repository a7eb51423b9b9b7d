from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from nact.errors import EngineClosedError, EngineUnavailableError, OutcomeUnknownError
from nact.persistence.building.group_commit import Outcome, observe_batches
from nact_persistence_postgres._writing.group_commit import Commits

pytestmark = pytest.mark.anyio


class Storage:
    """Stores at once what comes in batches, and what comes alone when it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.alone: list[str] = []
        self.answer: Callable[[bool], None] | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, items: Sequence[str]) -> Sequence[Outcome]:
        self.batches.append(list(items))
        await self.gate.wait()
        return [OutcomeUnknownError(item) if "bad" in item else None for item in items]

    def write_alone(self, item: str, answered: Callable[[bool], None]) -> bool:
        if "slow" in item:
            return False
        self.alone.append(item)
        self.answer = answered
        return True

    def reply(self, is_stored: bool) -> None:
        answer, self.answer = self.answer, None
        assert answer is not None
        answer(is_stored)


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
async def commits(storage: Storage) -> Commits[str]:
    commits = Commits(storage.write, storage.write_alone)
    await commits.submit("key", "first", 0)
    return commits


async def passes(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_next_write_of_a_lone_writer_begins_at_once(commits: Commits[str], storage: Storage) -> None:
    write = asyncio.ensure_future(commits.submit("key", "second", 0))
    await asyncio.sleep(0)
    assert storage.alone == ["second"]
    storage.reply(True)
    await write
    assert storage.batches == [["first"]]


async def test_an_observer_of_batches_is_told_of_a_lone_write(commits: Commits[str], storage: Storage) -> None:
    sizes: list[int] = []
    stop = observe_batches(sizes.append)
    write = asyncio.ensure_future(commits.submit("key", "second", 0))
    await asyncio.sleep(0)
    storage.reply(True)
    await write
    stop()
    assert sizes == [1]


async def test_writes_that_come_during_a_lone_one_go_together(commits: Commits[str], storage: Storage) -> None:
    writes = asyncio.gather(*[commits.submit("key", item, 0) for item in ("alone", "b", "c")])
    await passes()
    assert (storage.alone, storage.batches) == (["alone"], [["first"]])
    storage.reply(True)
    await writes
    assert storage.batches == [["first"], ["b", "c"]]


async def test_no_writer_is_alone_after_a_batch_of_several(commits: Commits[str], storage: Storage) -> None:
    writes = asyncio.gather(*[commits.submit("key", item, 0) for item in ("alone", "b", "c")])
    await passes()
    storage.reply(True)
    await writes
    await asyncio.wait_for(asyncio.gather(*[commits.submit("key", item, 0) for item in ("d", "e")]), 5)
    assert storage.alone == ["alone"]
    assert storage.batches[-1] == ["d", "e"]


async def test_what_cannot_go_alone_goes_as_a_batch(commits: Commits[str], storage: Storage) -> None:
    await commits.submit("key", "slow", 0)
    assert storage.batches == [["first"], ["slow"]]


async def test_what_may_not_be_stored_is_settled_by_a_batch(commits: Commits[str], storage: Storage) -> None:
    write = asyncio.ensure_future(commits.submit("key", "second", 0))
    await passes()
    storage.reply(False)
    await write
    assert storage.batches == [["first"], ["second"]]
    write = asyncio.ensure_future(commits.submit("key", "bad", 0))
    await passes()
    storage.reply(False)
    with pytest.raises(EngineUnavailableError):
        await write


async def test_a_read_waits_for_a_lone_write_that_was_cancelled(commits: Commits[str], storage: Storage) -> None:
    write = asyncio.ensure_future(commits.submit("key", "second", 0))
    await passes()
    write.cancel()
    await asyncio.wait([write])
    await commits.settled("another key")
    storage.gate.clear()
    read = asyncio.ensure_future(commits.settled("key"))
    await passes()
    storage.reply(False)  # so it is tried again, though its caller is gone
    await passes()
    assert not read.done()
    storage.gate.set()
    await read
    assert storage.batches == [["first"], ["second"]]


async def test_a_read_waits_for_a_cancelled_write_that_waits_itself(commits: Commits[str], storage: Storage) -> None:
    alone = asyncio.ensure_future(commits.submit("key", "alone", 0))
    await passes()
    behind = asyncio.ensure_future(commits.submit("other", "behind", 0))
    await passes()
    behind.cancel()
    await asyncio.wait([behind])
    storage.gate.clear()
    read = asyncio.ensure_future(commits.settled("other"))
    storage.reply(True)
    await alone
    await passes()
    assert storage.batches[-1] == ["behind"]
    assert not read.done()
    storage.gate.set()
    await read


async def test_closing_waits_for_a_lone_write_and_refuses_others(commits: Commits[str], storage: Storage) -> None:
    write = asyncio.ensure_future(commits.submit("key", "second", 0))
    await passes()
    closing = asyncio.ensure_future(commits.aclose())
    await passes()
    assert not closing.done()
    with pytest.raises(EngineClosedError):
        await commits.submit("key", "third", 0)
    storage.reply(True)
    await asyncio.gather(closing, write)
