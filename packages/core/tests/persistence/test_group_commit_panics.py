"""A write that panics, or ends the program: every writer hears of it, and the next ones are served."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from nact import EngineUnavailableError, OutcomeUnknownError
from nact.persistence.building.group_commit import GroupCommit, Outcome, observe_batches

pytestmark = pytest.mark.anyio


class PanicError(BaseException):
    """As a driver written in Rust may raise."""


Write = Callable[[Sequence[int]], Awaitable[Sequence[Outcome]]]


def failing_first(error: BaseException, *, at_once: bool = False) -> Write:
    remaining = [error]

    async def fail_or_write(batch: Sequence[int]) -> Sequence[Outcome]:
        await asyncio.sleep(0)
        if remaining:
            raise remaining.pop()
        return [None] * len(batch)

    def write(batch: Sequence[int]) -> Awaitable[Sequence[Outcome]]:
        if at_once and remaining:
            raise remaining.pop()
        return fail_or_write(batch)

    return write


async def outcomes_of(commits: GroupCommit[int]) -> list[object]:
    writers = [commits.submit(number) for number in range(3)]
    return await asyncio.gather(*writers, return_exceptions=True)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("error", [PanicError(), GeneratorExit()], ids=repr)
async def test_every_writer_hears_of_a_panic(error: BaseException, at_once: bool) -> None:
    commits = GroupCommit(failing_first(error, at_once=at_once))
    for outcome in await outcomes_of(commits):
        assert isinstance(outcome, EngineUnavailableError)
        assert isinstance(outcome, OutcomeUnknownError)
        assert outcome.__cause__ is error
    assert await outcomes_of(commits) == [None] * 3
    await commits.aclose()


@pytest.mark.parametrize("at_once", [True, False])
def test_every_writer_hears_of_a_write_that_ends_the_program(at_once: bool) -> None:
    heard: list[object] = []

    async def main() -> None:
        commits = GroupCommit(failing_first(SystemExit("bye"), at_once=at_once))
        writers = [commits.submit(number) for number in range(3)]
        try:
            await asyncio.sleep(3600)
        finally:
            heard.extend(await asyncio.gather(*writers, return_exceptions=True))
            await commits.aclose()

    with pytest.raises(SystemExit, match="bye"):
        asyncio.run(main())
    assert [type(outcome) for outcome in heard] == [OutcomeUnknownError] * 3


async def test_a_write_that_is_not_async_fails_its_batch_alone() -> None:
    results: list[Any] = [[None] * 3]

    def write(batch: Sequence[int]) -> Any:
        return results.pop() if results else asyncio.sleep(0, [None] * len(batch))

    commits: GroupCommit[int] = GroupCommit(write)
    assert [type(outcome) for outcome in await outcomes_of(commits)] == [OutcomeUnknownError] * 3
    assert await outcomes_of(commits) == [None] * 3


async def test_an_observer_that_raises_changes_no_outcome() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))

    def refuse(items: int) -> None:
        raise PanicError

    async def write(batch: Sequence[int]) -> Sequence[Outcome]:
        return [None] * len(batch)

    commits = GroupCommit(write, max_items=1)
    stop = observe_batches(refuse)
    try:
        assert await outcomes_of(commits) == [None] * 3
        await commits.aclose()
    finally:
        stop()
    assert told
