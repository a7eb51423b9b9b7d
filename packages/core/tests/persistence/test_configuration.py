"""`configure_persistence`: whose engine it is, who opens and closes it."""

from collections.abc import Awaitable
from types import TracebackType
from typing import Any, Self

import pytest

from nact import EngineClosedError, SystemFailedError, configure_persistence, spawn_persistent, start
from nact.persistence import AtomicBatches, EventDeletion, MemoryPersistenceEngine, PersistenceEngine, SnapshotStore

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
            system, collect, key="k", initial_state=[], after_stop=lambda *_: engine.history.append("actor ended")
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


async def test_a_system_whose_engine_cant_be_opened_does_not_start() -> None:
    class Broken(Opened):
        async def __aenter__(self) -> Self:
            raise OSError("no such folder")

    with pytest.raises(OSError, match="no such folder"):
        async with start(configure_persistence(Broken())):
            pytest.fail("the system started")


async def test_a_system_whose_engine_cant_be_closed_fails() -> None:
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


class Inherits(PersistenceEngine):
    def events(self, *args: Any, **window: Any) -> Any:
        return JournalOnly().events(*args, **window)


class KeepsNoSnapshots(JournalOnly, SnapshotStore):
    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> None:
        return None

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        pass


class DeletesNothing(JournalOnly, EventDeletion):
    pass


class StoresNoBatches(JournalOnly, AtomicBatches):
    pass


@pytest.mark.parametrize(
    ("engine", "missing"),
    [
        (Inherits, r"Inherits inherits PersistenceEngine without implementing persist\(\)"),
        (KeepsNoSnapshots, r"inherits SnapshotStore without implementing take_snapshot\(\)"),
        (DeletesNothing, r"inherits EventDeletion without implementing delete_events\(\)"),
        (StoresNoBatches, r"inherits AtomicBatches without implementing persist_all\(\)"),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_a_method_that_is_only_inherited_is_named(engine: Any, missing: str) -> None:
    with pytest.raises(TypeError, match=missing):
        configure_persistence(engine())


def stores_at_once(self: Any, event: Any) -> None:
    pass


def says_nothing(self, event):  # type: ignore[no-untyped-def]
    pass


async def yields(self: Any, event: Any) -> Any:
    yield event


@pytest.mark.parametrize("persist", [stores_at_once, says_nothing, yields])
def test_a_persist_that_cant_be_awaited_is_refused(persist: Any) -> None:
    engine: Any = type("Engine", (JournalOnly,), {"persist": persist})()
    with pytest.raises(TypeError, match=r"Engine.persist\(\) must be async"):
        configure_persistence(engine)


async def a_list(self: Any, key: str, **window: Any) -> list[Any]:
    return []


def a_generator(self: Any, key: str, **window: Any) -> Any:
    yield key


@pytest.mark.parametrize("events", [a_list, a_generator])
def test_events_that_arent_a_stream_are_refused(events: Any) -> None:
    engine: Any = type("Engine", (JournalOnly,), {"events": events})()
    with pytest.raises(TypeError, match=r"Engine.events\(\) must be an async generator, or return one"):
        configure_persistence(engine)


def test_a_plain_method_that_returns_an_awaitable_is_fine() -> None:
    def persist(self: Any, event: Any) -> Awaitable[None]:
        return MemoryPersistenceEngine().persist(event)

    engine: Any = type("Engine", (JournalOnly,), {"persist": persist})()
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
        await ask(spawn_persistent(one, collect, key="k", initial_state=[]), "a")
        assert await ask(spawn_persistent(two, collect, key="k", initial_state=[])) == ["a"]
