"""The resources that a system opens and closes with itself."""

import asyncio
from types import TracebackType
from typing import Any, Self

import pytest

from nact import ActorSystem, Context, SystemFailedError, spawn, start, stop, stopped

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]

Diary = list[str]


class Closeable:
    """Has an `aclose`."""

    def __init__(self, name: str, diary: Diary, *failing: str) -> None:
        self.name = name
        self.diary = diary
        self.failing = failing

    async def does(self, what: str) -> None:
        await asyncio.sleep(1)
        self.diary.append(f"{what} {self.name}")
        if what in self.failing:
            raise OSError(f"can't {what} {self.name}")

    async def aclose(self) -> None:
        await self.does("close")


class Openable(Closeable):
    """Is an async context manager as well."""

    async def __aenter__(self) -> Self:
        await self.does("open")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.does("exit")


def having(*resources: object) -> Any:
    """A plugin that gives a system these resources."""

    def plugin(system: ActorSystem) -> None:
        for resource in resources:
            system._runtime.resources.add(resource)

    return plugin


async def test_resources_are_opened_in_order_and_closed_in_reverse_after_the_last_actor() -> None:
    diary: Diary = []

    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(10)
        diary.append("after_stop")

    async with start(having(Openable("a", diary), Closeable("b", diary), object(), Openable("c", diary))) as system:
        spawn(system, lambda state, msg, ctx: state, after_stop=after_stop)
        diary.append("body")
    assert diary == ["open a", "open c", "body", "after_stop", "exit c", "close b", "exit a"]


async def test_a_system_that_is_stopped_by_hand_closes_too() -> None:
    diary: Diary = []
    system = start(having(Openable("a", diary), Closeable("b", diary)))
    stop(system)
    await stopped(system)
    assert diary == ["close b", "close a"]


async def test_resources_are_closed_once() -> None:
    diary: Diary = []
    async with start(having(Closeable("a", diary))) as system:
        stop(system)
        await stopped(system)
    assert diary == ["close a"]


async def test_resources_are_closed_when_the_body_raises() -> None:
    diary: Diary = []
    with pytest.raises(KeyError):
        async with start(having(Openable("a", diary))):
            raise KeyError
    assert diary == ["open a", "exit a"]


async def test_an_error_in_opening_is_raised_and_the_others_are_closed() -> None:
    diary: Diary = []
    system = start(having(Openable("a", diary), Openable("b", diary, "open"), Openable("c", diary)))
    with pytest.raises(OSError, match="can't open b"):
        async with system:
            raise AssertionError("the body must not run")
    assert diary == ["open a", "open b", "close c", "close b", "exit a"]
    assert system.is_stopped


async def test_an_error_in_opening_is_not_masked_by_one_in_closing() -> None:
    diary: Diary = []
    with pytest.raises(OSError, match="can't open b"):
        async with start(having(Openable("a", diary, "exit"), Openable("b", diary, "open", "close"))):
            raise AssertionError("the body must not run")
    assert diary == ["open a", "open b", "close b", "exit a"]


async def test_an_error_in_closing_fails_the_system_at_the_end() -> None:
    diary: Diary = []
    resources = Openable("a", diary, "exit"), Closeable("b", diary, "close"), Openable("c", diary)
    with pytest.raises(SystemFailedError) as caught:
        async with start(having(*resources), name="shop"):
            pass
    ((path, error),) = caught.value.failures
    assert (path, str(error)) == ("shop://", "can't close b")
    assert caught.value.__cause__ is error
    assert diary == ["open a", "open c", "exit c", "close b", "exit a"]


async def test_closing_is_not_interrupted_with_the_handlers() -> None:
    diary: Diary = []

    class Slow(Closeable):
        async def aclose(self) -> None:
            await asyncio.sleep(60)
            await super().aclose()

    async with start(having(Slow("a", diary)), stop_timeout=1):
        pass
    assert diary == ["close a"]
