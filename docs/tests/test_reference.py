"""The pages speak of what there is, and leave out nothing that is public."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator

import pytest
from printed.blocks import ROOT

import nact
import nact.otel
import nact.persistence

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


def names_that_exist() -> set[str]:
    """Of functions, their parameters, and what a context has."""
    names = {"async", "with", "ctx", "True", "False", "None", "max_recoveries", "close"}
    for name in nact.__all__:
        value = getattr(nact, name)
        names |= {name, *(vars(value) if inspect.isclass(value) else ())}
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
