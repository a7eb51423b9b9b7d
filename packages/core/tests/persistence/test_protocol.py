"""An engine and a core that weren't made for each other are told apart before an actor starts, with what to upgrade."""

import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from nact import IncompatibleEngineError, configure_persistence, engine_from_url
from nact.persistence import MemoryPersistenceEngine
from nact.persistence import engine as contract

from .doubles import JournalOnly

CORE = f"nact {version('nact')}"

NEEDS_LATER_CORE = "from nact.persistence import SomethingNew\n"
NEEDS_A_DRIVER = "import some_driver\n"


class Speaks2(JournalOnly):
    protocol_versions = (2,)


class Speaks2And3(JournalOnly):
    protocol_versions = frozenset({3, 2})


@pytest.fixture
def core_speaks(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda number: monkeypatch.setattr(contract, "PROTOCOL_VERSION", number)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a package `nact-persistence-NAME` into the path, with an engine that speaks as given, for `NAME://`."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, *, speaks: str = "", first: str = "", needs: str = "nact<0.4,>=0.3") -> None:
        declared = f"\n    protocol_versions = {speaks}" if speaks else ""
        module = f"{first}from {JournalOnly.__module__} import JournalOnly\n\n\nclass Engine(JournalOnly):{declared}\n"
        module += "    def __init__(self, url: str) -> None:\n        super().__init__()\n"
        info = tmp_path / f"nact_persistence_{name}-0.7.0.dist-info"
        info.mkdir()
        (tmp_path / f"{name}_engine.py").write_text(module)
        (info / "entry_points.txt").write_text(f"[nact.engines]\n{name} = {name}_engine:Engine\n")
        metadata = f"Metadata-Version: 2.1\nName: nact-persistence-{name}\nVersion: 0.7.0\n"
        (info / "METADATA").write_text(f"{metadata}Requires-Dist: {name}-driver>=1\nRequires-Dist: {needs}\n")

    return install


def refused(text: str) -> Any:
    return pytest.raises(IncompatibleEngineError, match=f"^{re.escape(text)}$")


def test_an_engine_that_declares_nothing_speaks_version_1(core_speaks: Any) -> None:
    configure_persistence(JournalOnly())
    core_speaks(2)
    with pytest.raises(IncompatibleEngineError, match="JournalOnly speaks protocol version 1, but"):
        configure_persistence(JournalOnly())


@pytest.mark.parametrize("number", [2, 3])
def test_an_engine_may_speak_several_versions(core_speaks: Any, number: int) -> None:
    core_speaks(number)
    configure_persistence(Speaks2And3())


@pytest.mark.parametrize("number", [1, 4])
def test_a_core_that_speaks_none_of_them_is_refused(core_speaks: Any, number: int) -> None:
    core_speaks(number)
    with pytest.raises(IncompatibleEngineError, match=f"speaks protocol version 2 and 3, but {CORE} speaks {number}: "):
        configure_persistence(Speaks2And3())


def test_a_core_that_is_too_old_has_core_upgraded_to_what_the_package_needs(install: Any) -> None:
    install("early", speaks="(2,)")
    with refused(
        f"nact-persistence-early 0.7.0 speaks protocol version 2, but {CORE} speaks 1: upgrade nact to <0.4,>=0.3"
    ):
        engine_from_url("early://host")


def test_a_core_that_is_too_new_has_the_engines_package_upgraded(install: Any, core_speaks: Any) -> None:
    install("late")
    core_speaks(2)
    with refused(
        f"nact-persistence-late 0.7.0 speaks protocol version 1, but {CORE} speaks 2: upgrade nact-persistence-late"
    ):
        engine_from_url("late://host")


def test_configuring_an_engine_of_a_package_names_the_package_too(install: Any, core_speaks: Any) -> None:
    install("direct")
    engine = import_module("direct_engine").Engine("direct://host")
    core_speaks(2)
    with pytest.raises(IncompatibleEngineError, match=r"upgrade nact-persistence-direct$"):
        configure_persistence(engine)


def test_a_subclass_in_an_application_is_told_by_the_package_of_its_engine(install: Any) -> None:
    install("base", speaks="(2,)")
    mine = type("Mine", (import_module("base_engine").Engine,), {})
    with pytest.raises(IncompatibleEngineError, match=r"^nact-persistence-base 0\.7\.0 speaks"):
        configure_persistence(mine("base://host"))


def test_an_engine_without_a_package_is_told_by_its_class(core_speaks: Any) -> None:
    with refused(f"the engine {__name__}.Speaks2 speaks protocol version 2, but {CORE} speaks 1: upgrade nact"):
        configure_persistence(Speaks2())
    core_speaks(3)
    with pytest.raises(IncompatibleEngineError, match=r"bring it up to date, and say so in its protocol_versions$"):
        configure_persistence(Speaks2())


def test_bounds_of_core_without_numbers_are_left_out(install: Any) -> None:
    install("loose", speaks="(2,)", needs="nact")
    with pytest.raises(IncompatibleEngineError, match=r"upgrade nact$"):
        engine_from_url("loose://host")


def test_a_package_that_misses_something_in_core_is_told_instead_of_an_import_error(install: Any) -> None:
    install("newer", first=NEEDS_LATER_CORE)
    with refused(f"nact-persistence-newer 0.7.0 doesn't find in {CORE} what it needs: upgrade nact to <0.4,>=0.3"):
        engine_from_url("newer://host")


def test_a_package_that_misses_its_driver_says_so_itself(install: Any) -> None:
    install("driverless", first=NEEDS_A_DRIVER)
    with pytest.raises(ModuleNotFoundError, match="some_driver"):
        engine_from_url("driverless://host")


@pytest.mark.parametrize("spoken", [1, (), ("1",), (True,), None], ids=repr)
def test_protocol_versions_are_numbers(spoken: Any) -> None:
    engine = type("Odd", (JournalOnly,), {"protocol_versions": spoken})()
    with pytest.raises(TypeError, match=r"Odd\.protocol_versions must be numbers such as \(1, 2\), not "):
        configure_persistence(engine)


def test_the_engine_that_comes_with_core_speaks_as_core_does() -> None:
    assert MemoryPersistenceEngine.protocol_versions == (contract.PROTOCOL_VERSION,)
