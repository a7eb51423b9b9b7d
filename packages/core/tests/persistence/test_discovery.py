"""`engine_from_url`: the scheme finds the engine, or the package to install."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, Self

import pytest

from nact import UnknownEngineError, engine_from_url
from nact.persistence import (
    KeyListing,
    MemoryPersistenceEngine,
    PersistedEvent,
    PersistenceEngine,
    discovery,
    require,
)

from .doubles import JournalOnly

pytestmark = pytest.mark.anyio


class ForSomeDatabase(JournalOnly):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    async def aclose(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()


class NeverClosed(JournalOnly):
    def __init__(self, url: str) -> None:
        super().__init__()


class Hollow(PersistenceEngine):
    def __init__(self, url: str) -> None:
        pass

    def events(self, *args: Any, **window: Any) -> Any:
        return JournalOnly().events(*args, **window)


def no_engine(url: str) -> str:
    return url


def installed(**engines: str) -> Any:
    def entry_points(*, group: str) -> list[EntryPoint]:
        assert group == "nact.engines"
        return [EntryPoint(scheme, value, group) for scheme, value in engines.items()]

    return entry_points


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    engines = {
        "memory": "nact.persistence.memory:memory_engine_from_url",
        "some": f"{__name__}:ForSomeDatabase",
        "none": f"{__name__}:no_engine",
    }
    monkeypatch.setattr(discovery, "entry_points", installed(**engines))
    monkeypatch.setattr(discovery, "find_spec", lambda module: None)  # those that this machine has aren't there
    discovery._installed.cache_clear()
    yield
    discovery._installed.cache_clear()


@pytest.mark.parametrize("url", ["some://user:secret@host:1/db?x=1", "SOME://host", "some:relative.db"])
def test_the_engine_that_the_scheme_names_is_made_from_the_whole_url(url: str) -> None:
    engine = engine_from_url(url)
    assert type(engine).__name__ == "ForSomeDatabase"
    assert getattr(engine, "url", None) == url


@pytest.mark.parametrize(
    ("url", "package"),
    [
        ("postgresql://localhost/db", "nact-persistence-postgres"),
        ("postgres://localhost/db", "nact-persistence-postgres"),
        ("redis://localhost", "nact-persistence-redis"),
        ("rediss://localhost", "nact-persistence-redis"),
        ("mongodb://localhost", "nact-persistence-mongo"),
        ("mongodb+srv://localhost", "nact-persistence-mongo"),
        ("sqlite:///journal.db", "nact-persistence-sqlite"),
    ],
)
def test_an_engine_that_isnt_installed_is_named_by_its_package(url: str, package: str) -> None:
    with pytest.raises(UnknownEngineError, match=rf"pip install {package}$"):
        engine_from_url(url)


@pytest.mark.parametrize("url", ["cassandra://user:secret@host/db", "journal.db", "", "//user:secret@host"])
def test_an_unknown_scheme_is_told_with_what_is_installed_and_without_the_password(url: str) -> None:
    with pytest.raises(UnknownEngineError, match="a URL begins with one of: memory, none, some") as caught:
        engine_from_url(url)
    assert "secret" not in str(caught.value)


def test_what_is_installed_while_the_program_runs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownEngineError):
        engine_from_url("new://")
    monkeypatch.setattr(discovery, "entry_points", installed(new=f"{__name__}:ForSomeDatabase"))
    assert type(engine_from_url("new://")).__name__ == "ForSomeDatabase"


def test_what_is_installed_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine_from_url("some://")
    monkeypatch.setattr(discovery, "entry_points", installed())
    assert type(engine_from_url("some://")).__name__ == "ForSomeDatabase"


def test_where_nothing_is_installed_memory_urls_still_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "entry_points", installed())
    discovery._installed.cache_clear()
    assert isinstance(engine_from_url("memory://"), MemoryPersistenceEngine)
    with pytest.raises(UnknownEngineError, match=r"begins with one of: memory$"):
        engine_from_url("cassandra://host")


def test_our_engines_are_found_by_import_without_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("nact_persistence_sqlite")
    module.engine_from_url = ForSomeDatabase  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(discovery, "find_spec", {module.__name__: object()}.get)
    assert type(engine_from_url("sqlite:///journal.db")).__name__ == "ForSomeDatabase"


def test_an_engine_without_a_method_of_its_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "entry_points", installed(hollow=f"{__name__}:Hollow"))
    with pytest.raises(TypeError, match=r"Hollow inherits PersistenceEngine without implementing persist\(\)"):
        engine_from_url("hollow://")


def test_an_entry_point_that_makes_no_engine_is_named() -> None:
    with pytest.raises(TypeError, match=r"no_engine made 'none://host' for none://, which isn't a PersistenceEngine"):
        engine_from_url("none://host")


def test_an_engine_that_cant_be_closed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "entry_points", installed(never=f"{__name__}:NeverClosed"))
    with pytest.raises(TypeError, match="can't be closed: an engine that a URL names has aclose"):
        engine_from_url("never://")


async def test_an_engine_from_a_url_is_used_in_a_with_block() -> None:
    async with engine_from_url("memory://") as engine:
        await engine.persist(PersistedEvent(key="k", sequence_number=1, data=1))
        keys = require(engine, KeyListing).keys(prefix="")
        assert [key async for key in keys] == ["k"]


def test_an_ability_that_an_engine_lacks_is_named() -> None:
    with pytest.raises(TypeError, match=r"doesn't have the ability KeyListing"):
        require(JournalOnly(), KeyListing)


@pytest.mark.parametrize("url", [None, b"sqlite://", 5], ids=repr)
def test_a_url_is_text(url: Any) -> None:
    with pytest.raises(TypeError, match="url must be a str such as"):
        engine_from_url(url)


async def test_memory_urls_with_a_name_share_a_storage_and_those_without_share_nothing() -> None:
    def storage(url: str) -> object:
        engine = engine_from_url(url)
        assert isinstance(engine, MemoryPersistenceEngine)
        return engine._storage

    assert storage("memory://shared") is storage("memory://shared")
    assert storage("memory://shared") is not storage("memory://other")
    assert storage("memory://") is not storage("memory://")
