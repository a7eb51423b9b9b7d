from __future__ import annotations

import asyncio
import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from nact.errors import EngineClosedError, EngineUnavailableError
from nact.persistence.building.lifecycle import Lifecycle

pytestmark = pytest.mark.anyio


class Place:
    """What sessions are of; tells what became of each, and lets tests hold and break their opening."""

    def __init__(self) -> None:
        self.made: list[Room] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.errors: list[Exception] = []

    def make(self) -> Room:
        self.made.append(Room(self))
        return self.made[-1]

    @property
    def told(self) -> list[list[str]]:
        return [room.told for room in self.made]


class Room:
    def __init__(self, place: Place) -> None:
        self._place = place
        self.told: list[str] = []

    async def open(self) -> None:
        self.told.append("opening")
        try:
            await self._place.gate.wait()
            if self._place.errors:
                raise self._place.errors.pop(0)
        except asyncio.CancelledError:
            self.told.append("given up")
            raise
        self.told.append("open")

    async def aclose(self) -> None:
        self.told.append("closed")


def life_of(place: Place) -> Lifecycle[Room]:
    return Lifecycle(place.make, "Engine('there')")


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 (it takes a pass or two)
        await asyncio.sleep(0)


async def test_the_first_use_opens_and_later_ones_take_no_time() -> None:
    place = Place()
    life = life_of(place)
    assert life.ready() is None
    session = await life.opened()
    assert life.ready() is session
    assert await life.opened() is session
    assert place.told == [["opening", "open"]]


async def test_one_opening_serves_all_who_wait_and_goes_on_when_one_is_cancelled() -> None:
    place = Place()
    place.gate.clear()
    life = life_of(place)
    first, second = asyncio.create_task(life.opened()), asyncio.create_task(life.opened())
    await until(lambda: place.told == [["opening"]])
    first.cancel()
    place.gate.set()
    assert await second is place.made[0]
    assert first.cancelled()
    assert place.told == [["opening", "open"]]


async def test_an_opening_that_fails_is_told_to_each_who_waited_closed_and_tried_again() -> None:
    place = Place()
    cause = OSError("nobody there")
    error = EngineUnavailableError("it is down")
    error.__cause__ = cause
    place.errors = [error]
    life = life_of(place)
    told = await asyncio.gather(life.opened(), life.opened(), return_exceptions=True)
    assert [type(each) for each in told] == [EngineUnavailableError] * 2
    assert told[0] is not told[1]
    assert [each.__cause__ for each in told if isinstance(each, Exception)] == [cause] * 2
    assert not life.is_left_open
    assert await life.opened() is place.made[1]
    assert place.told == [["opening", "closed"], ["opening", "open"]]


async def test_an_error_that_isnt_nacts_is_raised_as_it_is() -> None:
    place = Place()
    place.errors = [LookupError("a bug")]
    with pytest.raises(LookupError, match="a bug"):
        await life_of(place).opened()


async def test_what_making_a_session_raises_is_raised() -> None:
    def refuse() -> Room:
        raise RuntimeError("the client belongs to another event loop")

    life: Lifecycle[Room] = Lifecycle(refuse, "Engine()")
    with pytest.raises(RuntimeError, match="another event loop"):
        await life.opened()
    await life.aclose()


async def test_closing_ends_the_session_once() -> None:
    place = Place()
    life = life_of(place)
    await life.opened()
    assert life.is_left_open
    await asyncio.gather(life.aclose(), life.aclose())
    await life.aclose()
    assert place.told == [["opening", "open", "closed"]]
    assert not life.is_left_open


async def test_a_closed_engine_says_so() -> None:
    life = life_of(Place())
    await life.aclose()
    for use in (life.check_open, life.ready):
        with pytest.raises(EngineClosedError, match=r"Engine\('there'\) is closed"):
            use()
    with pytest.raises(EngineClosedError):
        await life.opened()


async def test_closing_gives_up_an_opening_and_those_who_wait_hear_of_it() -> None:
    place = Place()
    place.gate.clear()
    life = life_of(place)
    waiting = asyncio.create_task(life.opened())
    await until(lambda: place.told == [["opening"]])
    await life.aclose()
    with pytest.raises(EngineClosedError):
        await waiting
    assert place.told == [["opening", "given up", "closed"]]


async def test_closing_goes_on_when_it_is_cancelled() -> None:
    place = Place()
    life = life_of(place)
    await life.opened()
    closing = asyncio.create_task(life.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await until(lambda: place.told == [["opening", "open", "closed"]])


def test_another_event_loop_gets_a_session_of_its_own_when_the_first_has_ended() -> None:
    place = Place()
    life = life_of(place)
    first = asyncio.run(life.opened())
    second = asyncio.run(life.opened())
    assert [first, second] == place.made


def test_an_event_loop_that_goes_on_in_another_thread_keeps_its_session() -> None:
    life, loop = life_of(Place()), asyncio.new_event_loop()
    first = loop.run_until_complete(life.opened())
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(loop.run_until_complete, life.opened()).result() is first
    assert loop.run_until_complete(life.opened()) is first
    loop.close()


async def test_two_event_loops_at_once_are_refused() -> None:
    life = life_of(Place())
    await life.opened()
    for use in (life.opened, life.aclose):
        with pytest.raises(RuntimeError, match="in use by another event loop"):
            await asyncio.to_thread(lambda use=use: asyncio.run(_awaited(use)))  # type: ignore[misc]
    assert life.ready() is not None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_after_a_fork_the_engine_is_refused_and_closing_it_leaves_the_parents_alone() -> None:
    place = Place()
    life = life_of(place)
    asyncio.run(life.opened())
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, pickle.dumps(asyncio.run(_in_the_child(life, place))))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        error, told, is_left_open = pickle.load(pipe)
    os.wait()
    assert "opened before a fork" in str(error)
    assert told == [["opening", "open"]]
    assert not is_left_open


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
async def test_a_fork_in_a_running_loop_is_noticed_in_the_childs() -> None:
    life = life_of(Place())
    await life.opened()
    child = os.fork()
    if child == 0:
        os._exit(0 if life.ready() is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0  # noqa: ASYNC222 (it ends at once)
    assert life.ready() is not None
    await life.aclose()


async def _in_the_child(life: Lifecycle[Room], place: Place) -> tuple[Exception | None, list[list[str]], bool]:
    try:
        await life.opened()
    except EngineClosedError as error:
        await life.aclose()
        return error, place.told, life.is_left_open
    return None, place.told, life.is_left_open


async def _awaited(use: Callable[[], object]) -> None:
    await use()  # type: ignore[misc]
