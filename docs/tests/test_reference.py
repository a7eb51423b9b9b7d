"""The pages speak of what there is, and leave out nothing that is public."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest
from printed.blocks import ROOT

import nact
import nact.otel
import nact.persistence
import nact.persistence.building

SHOWN = {
    name
    for page in (ROOT / "docs" / "reference").glob("*.md")
    for name in re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE)
}

PUBLIC = [f"{module.__name__}.{name}" for module in (nact, nact.otel, nact.persistence) for name in module.__all__]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_its_place_in_the_reference(name: str) -> None:
    module, _, last = name.rpartition(".")
    value = getattr(importlib.import_module(module), last)
    is_error = inspect.isclass(value) and issubclass(value, Exception)
    assert name in SHOWN or f"nact.{last}" in SHOWN or (is_error and "nact.errors" in SHOWN)


PARTS = [module.name for module in pkgutil.iter_modules(nact.persistence.building.__path__)]


@pytest.mark.parametrize("name", [name for name in PARTS if not name.startswith("_")])
def test_every_part_of_engines_has_its_place_in_the_reference(name: str) -> None:
    assert f"nact.persistence.building.{name}" in SHOWN


def test_the_reference_shows_nothing_private() -> None:
    assert not {name for name in SHOWN if "._" in name}


def names_that_exist() -> set[str]:
    """The public names, the parameters and options of functions, and the attributes of a context."""
    names = {"async", "with", "ctx", "True", "False", "None", "max_recoveries", "close"}
    for name in nact.__all__:
        value = getattr(nact, name)
        names |= {name, *(vars(value) if inspect.isclass(value) else ()), *getattr(value, "__annotations__", ())}
        if inspect.isfunction(value):
            names |= set(inspect.signature(value).parameters)
    for attribute, value in inspect.getmembers(nact.PersistentContext):
        names |= {attribute, *(inspect.signature(value).parameters if inspect.isfunction(value) else ())}
    return names


def second_column(text: str) -> Iterator[str]:
    """The code in the second column of the page's tables: what the thing is called in Python."""
    for row in re.findall(r"^\| (.*) \|$", text, re.MULTILINE):
        yield from re.findall(r"`([^`]*)`", row.split(" | ")[1])


def test_the_python_of_each_javascript_name_exists() -> None:
    existing = names_that_exist()
    text, _, _ = (ROOT / "docs/from/nact-js.md").read_text(encoding="utf-8").partition("## Your own engine")
    codes = list(second_column(text))
    assert len(codes) > 40
    unknown = {name for code in codes for name in re.findall(r"[A-Za-z_]\w+", code)} - existing
    assert not unknown - {"factory"}
