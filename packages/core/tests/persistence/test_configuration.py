"""`configure_persistence`: whose engine it is, who opens and closes it."""

from types import TracebackType
from typing import Any, Self

import pytest

from nact import EngineClosedError, SystemFailedError, configure_persistence, spawn_persistent, start
from nact.persistence import MemoryPersistenceEngine

from .doubles import JournalOnly, RiggedEngine, ask, collect, contents

pytestmark = pytest.mark.anyio


class Opened(JournalOnly):
    """An engine that is a context manager."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[str] = []

    async def __aenter__(self) -> Self:
        self.history.append("opened")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.history.append("closed")


async def test_the_system_opens_the_engine_and_closes_it_when_the_last_actor_has_ended() -> None:
    engine = Opened()
    async with start(configure_persistence(engine)) as system:
        assert engine.history == ["opened"]
        ref = spawn_persistent(
            system, collect, "k", initial_state=[], after_stop=lambda *_: engine.history.append("actor ended")
        )
        await ask(ref)
    assert engine.history == ["opened", "actor ended", "closed"]


async def test_with_close_false_the_engine_is_neither_opened_nor_closed() -> None:
    engine = Opened()
    async with start(configure_persistence(engine, close=False)):
        pass
    assert engine.history == []


async def test_an_engine_that_is_open_at_first_use_is_closed_too() -> None:
    engine = MemoryPersistenceEngine()
    async with start(configure_persistence(engine)):
        pass
    with pytest.raises(EngineClosedError):
        await contents(engine, "k")


async def test_an_engine_that_cant_be_opened_has_the_system_not_start() -> None:
    class Broken(Opened):
        async def __aenter__(self) -> Self:
            raise OSError("no such folder")

    with pytest.raises(OSError, match="no such folder"):
        async with start(configure_persistence(Broken())):
            pytest.fail("the system started")


async def test_an_engine_that_cant_be_closed_has_the_system_fail() -> None:
    class Broken(JournalOnly):
        async def aclose(self) -> None:
            raise OSError("disk full")

    with pytest.raises(SystemFailedError, match="disk full"):
        async with start(configure_persistence(Broken())):
            pass


class Half:
    persist = RiggedEngine.persist


@pytest.mark.parametrize("engine", [None, "sqlite:///journal.db", object(), Half()], ids=lambda it: type(it).__name__)
def test_an_engine_has_the_methods_of_the_contract(engine: Any) -> None:
    with pytest.raises(TypeError, match=r"engine must be a PersistenceEngine, with events and persist, not"):
        configure_persistence(engine)


@pytest.mark.parametrize("max_recoveries", [0, -1, 1.5, True, None, "64"], ids=repr)
def test_the_number_of_recoveries_at_once_is_a_number_from_1(max_recoveries: Any) -> None:
    with pytest.raises(ValueError, match="max_recoveries must be an int from 1"):
        configure_persistence(RiggedEngine(), max_recoveries=max_recoveries)


async def test_a_system_has_one_engine() -> None:
    with pytest.raises(ValueError, match="already has a persistence engine"):
        start(configure_persistence(RiggedEngine()), configure_persistence(RiggedEngine()))


async def test_systems_that_share_an_engine_see_each_others_journals() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine, close=False)) as one, start(configure_persistence(engine)) as two:
        await ask(spawn_persistent(one, collect, "k", initial_state=[]), "a")
        assert await ask(spawn_persistent(two, collect, "k", initial_state=[])) == ["a"]
