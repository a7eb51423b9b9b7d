"""Group commit: writes that arrive meanwhile travel together, and each writer hears what became of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any

import pytest

from nact import (
    CorruptJournalError,
    EngineClosedError,
    EngineUnavailableError,
    InvalidEventError,
    NactError,
    OutcomeUnknownError,
    SequenceConflictError,
)
from nact.persistence.building.group_commit import GroupCommit, Outcome, observe_batches

from .doubles import Gate

pytestmark = pytest.mark.anyio


class Store:
    """What the batches are written to."""

    def __init__(self, outcome: Callable[[Any], Outcome] = lambda item: None) -> None:
        self.batches: list[list[Any]] = []
        self.gate = Gate()
        self.error: BaseException | None = None
        self._outcome = outcome

    async def write(self, batch: Sequence[Any]) -> list[Outcome]:
        self.batches.append(list(batch))
        await self.gate.passed()
        if self.error is not None:
            raise self.error
        return [self._outcome(item) for item in batch]


async def outcome_of(done: asyncio.Future[None]) -> object:
    (outcome,) = await asyncio.gather(done, return_exceptions=True)
    return outcome


# --- batches ---------------------------------------------------------------------------------------------------------


async def test_a_lone_item_is_written_at_once() -> None:
    store = Store()
    await GroupCommit(store.write).submit("a")
    assert store.batches == [["a"]]


async def test_items_submitted_in_one_pass_of_the_loop_travel_together() -> None:
    store = Store()
    commits: GroupCommit[int] = GroupCommit(store.write)
    await asyncio.gather(*[commits.submit(number) for number in range(5)])
    assert store.batches == [[0, 1, 2, 3, 4]]


async def test_items_that_arrive_while_a_batch_is_under_way_travel_together_in_the_next_in_order() -> None:
    store = Store()
    commits: GroupCommit[str] = GroupCommit(store.write)
    store.gate.shut()
    first = commits.submit("a")
    await store.gate.arrival()
    later = [commits.submit(item) for item in "bcd"]
    assert store.batches == [["a"]]
    store.gate.open()
    await asyncio.gather(first, *later)
    assert store.batches == [["a"], ["b", "c", "d"]]


async def test_the_next_batch_is_out_before_the_writers_of_the_last_one_go_on() -> None:
    store = Store()
    commits: GroupCommit[str] = GroupCommit(store.write, max_items=1)
    seen: list[list[list[str]]] = []

    async def writer(item: str) -> None:
        await commits.submit(item)
        seen.append(list(store.batches))

    await asyncio.gather(writer("a"), writer("b"))
    assert seen == [[["a"], ["b"]], [["a"], ["b"]]]


async def test_an_observer_is_told_the_size_of_each_batch_until_it_has_seen_enough() -> None:
    sizes: list[int] = []
    commits: GroupCommit[int] = GroupCommit(Store().write)
    stop = observe_batches(sizes.append)
    await commits.submit(0)
    await asyncio.gather(*[commits.submit(number) for number in range(3)])
    stop()
    await commits.submit(0)
    assert sizes == [1, 3]


async def test_a_batch_is_written_in_no_writer_s_context() -> None:
    writer: ContextVar[str] = ContextVar("writer", default="nobody")
    seen: list[str] = []

    async def write(batch: Sequence[str]) -> list[Outcome]:
        seen.append(writer.get())
        return [None] * len(batch)

    async def submit(name: str) -> None:
        writer.set(name)
        await commits.submit(name)
        assert writer.get() == name

    commits: GroupCommit[str] = GroupCommit(write, max_items=1)
    await asyncio.gather(*[submit(name) for name in ("ada", "grace")])
    assert seen == ["nobody", "nobody"]


async def test_it_goes_on_after_it_was_idle() -> None:
    store = Store()
    commits: GroupCommit[str] = GroupCommit(store.write)
    for item in "abc":
        await commits.submit(item)
    assert store.batches == [["a"], ["b"], ["c"]]


async def test_a_batch_has_at_most_max_items() -> None:
    store = Store()
    commits: GroupCommit[int] = GroupCommit(store.write, max_items=2)
    await asyncio.gather(*[commits.submit(number) for number in range(5)])
    assert store.batches == [[0, 1], [2, 3], [4]]


async def test_a_batch_ends_with_the_item_that_brings_it_to_max_size() -> None:
    store = Store()
    commits: GroupCommit[str] = GroupCommit(store.write, max_size=10)
    sizes = {"a": 4, "b": 6, "c": 9, "d": 9, "e": 100, "f": 0}
    await asyncio.gather(*[commits.submit(item, size=size) for item, size in sizes.items()])
    assert store.batches == [["a", "b"], ["c", "d"], ["e"], ["f"]]


@pytest.mark.parametrize("limits", [{"max_items": 0}, {"max_size": 0}, {"max_items": -1, "max_size": 5}])
def test_a_batch_without_room_is_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        GroupCommit(Store().write, **limits)


# --- outcomes --------------------------------------------------------------------------------------------------------


async def test_each_writer_gets_the_outcome_of_its_own_item() -> None:
    conflict = SequenceConflictError("b", 1, 1)
    refused = InvalidEventError("not c")
    commits: GroupCommit[str] = GroupCommit(Store({"b": conflict, "c": refused}.get).write)
    outcomes = await asyncio.gather(*[commits.submit(item) for item in "abcd"], return_exceptions=True)
    assert outcomes == [None, conflict, refused, None]


async def test_when_write_raises_an_error_of_nact_every_writer_gets_a_copy_of_its_own() -> None:
    store = Store()
    store.error = CorruptJournalError("damaged", "k", 7)
    store.error.__cause__ = OSError("bad sector")
    commits: GroupCommit[str] = GroupCommit(store.write)
    first, second = await asyncio.gather(commits.submit("a"), commits.submit("b"), return_exceptions=True)
    assert first is not second
    for error in (first, second):
        assert isinstance(error, CorruptJournalError)
        assert error is not store.error
        assert (error.reason, error.key, error.sequence_number) == ("damaged", "k", 7)
        assert error.__cause__ is store.error.__cause__


async def test_when_write_raises_another_error_every_writer_hears_that_the_outcome_isnt_known() -> None:
    store = Store()
    store.error = OSError("the network is down")
    commits: GroupCommit[str] = GroupCommit(store.write)
    first, second = await asyncio.gather(commits.submit("a"), commits.submit("b"), return_exceptions=True)
    assert first is not second
    for error in (first, second):
        assert isinstance(error, EngineUnavailableError)
        assert isinstance(error, OutcomeUnknownError)
        assert "the network is down" in str(error)
        assert error.__cause__ is store.error


async def test_after_a_write_that_raised_the_next_batch_goes_out() -> None:
    store = Store()
    store.error = OSError("the network is down")
    commits: GroupCommit[str] = GroupCommit(store.write)
    await outcome_of(commits.submit("a"))
    store.error = None
    await commits.submit("b")
    assert store.batches == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("outcomes", "says"),
    [
        ([], "returned 0 outcomes for 2 items"),
        ([None], "returned 1 outcomes for 2 items"),
        ([None] * 3, "returned 3 outcomes for 2 items"),
        (None, "has no len"),
        ([None, "stored"], "returned 'stored'; an outcome is None or an Exception"),
        ([None, OSError], "an outcome is None or an Exception"),
    ],
    ids=repr,
)
async def test_when_write_returns_no_outcome_for_each_item_nobody_is_told_that_it_was_stored(
    outcomes: Any, says: str
) -> None:
    async def write(batch: Sequence[Any]) -> Any:
        return outcomes

    commits: GroupCommit[str] = GroupCommit(write)
    for error in await asyncio.gather(commits.submit("a"), commits.submit("b"), return_exceptions=True):
        assert isinstance(error, EngineUnavailableError)
        assert isinstance(error, OutcomeUnknownError)
        assert says in str(error)


# --- cancellation ----------------------------------------------------------------------------------------------------


async def test_an_item_whose_writer_was_cancelled_before_it_went_out_isnt_written() -> None:
    store = Store()
    commits: GroupCommit[str] = GroupCommit(store.write)
    store.gate.shut()
    first = commits.submit("a")
    await store.gate.arrival()
    second, third = commits.submit("b"), commits.submit("c")
    second.cancel()
    store.gate.open()
    await asyncio.gather(first, third)
    assert store.batches == [["a"], ["c"]]


async def test_when_all_writers_were_cancelled_before_their_items_went_out_nothing_is_written() -> None:
    store = Store()
    commits: GroupCommit[str] = GroupCommit(store.write)
    done = commits.submit("a")
    done.cancel()
    await commits.aclose()
    assert store.batches == []


async def test_a_writer_that_is_cancelled_when_its_item_is_out_doesnt_disturb_the_others() -> None:
    store = Store()
    commits: GroupCommit[str] = GroupCommit(store.write)
    store.gate.shut()
    first, second = commits.submit("a"), commits.submit("b")
    await store.gate.arrival()
    first.cancel()
    store.gate.open()
    await second
    assert first.cancelled()
    await commits.submit("c")
    assert store.batches == [["a", "b"], ["c"]]


async def test_a_closing_loop_tells_waiting_writers_from_others() -> None:
    writing: asyncio.Future[asyncio.Task[object] | None] = asyncio.get_running_loop().create_future()

    async def write(items: Sequence[str]) -> Sequence[Outcome]:
        writing.set_result(asyncio.current_task())
        await asyncio.Event().wait()
        return [None] * len(items)

    commits: GroupCommit[str] = GroupCommit(write)
    out = commits.submit("out")
    task = await writing
    waiting = commits.submit("waiting")
    assert task is not None
    task.cancel()
    out_error, waiting_error = await outcome_of(out), await outcome_of(waiting)
    assert isinstance(out_error, EngineUnavailableError)
    assert isinstance(out_error, OutcomeUnknownError)
    assert isinstance(waiting_error, EngineUnavailableError)
    assert not isinstance(waiting_error, OutcomeUnknownError)


async def test_a_write_that_raises_at_the_call_fails_its_batch_and_the_next_one_is_tried() -> None:
    store = Store()
    broken = True

    def write(items: Sequence[str]) -> Awaitable[Sequence[Outcome]]:
        if broken:
            raise OSError("no route to the storage")
        return store.write(items)

    commits: GroupCommit[str] = GroupCommit(write)
    error = await outcome_of(commits.submit("a"))
    assert isinstance(error, EngineUnavailableError)
    assert isinstance(error, OutcomeUnknownError)
    broken = False
    await commits.submit("b")
    assert store.batches == [["b"]]


async def test_an_error_that_cant_be_copied_still_reaches_every_writer() -> None:
    class StubbornError(NactError):
        def __init__(self, *, why: str) -> None:
            super().__init__(why)

    async def write(items: Sequence[str]) -> Sequence[Outcome]:
        raise StubbornError(why=f"{len(items)} items are too many")

    commits: GroupCommit[str] = GroupCommit(write)
    errors = [await outcome_of(done) for done in (commits.submit("a"), commits.submit("b"))]
    assert [type(error) for error in errors] == [OutcomeUnknownError] * 2


# --- closing ---------------------------------------------------------------------------------------------------------


async def test_aclose_waits_for_what_was_submitted_and_refuses_what_comes_then() -> None:
    store = Store()
    commits: GroupCommit[str] = GroupCommit(store.write, max_items=1)
    store.gate.shut()
    submitted = [commits.submit(item) for item in "abc"]
    closing = asyncio.ensure_future(commits.aclose())
    await store.gate.arrival()
    with pytest.raises(EngineClosedError):
        _ = commits.submit("d")
    assert not closing.done()
    store.gate.open()
    await closing
    assert [done.result() for done in submitted] == [None, None, None]
    assert store.batches == [["a"], ["b"], ["c"]]


async def test_aclose_can_be_called_again_and_by_several() -> None:
    store = Store()
    commits: GroupCommit[str] = GroupCommit(store.write)
    done = commits.submit("a")
    await asyncio.gather(commits.aclose(), commits.aclose())
    await commits.aclose()
    assert done.done()


async def test_aclose_of_one_that_was_never_used_returns_at_once() -> None:
    await GroupCommit(Store().write).aclose()
