"""Runs pieces of Python that aren't whole programs: names that nobody defines are the packages' public ones."""

from __future__ import annotations

import ast
import asyncio
import builtins
import dis
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any
from urllib.parse import urlsplit

import pytest

import nact
from nact.persistence import PersistenceEngine, discovery
from printed.blocks import Block

PUBLIC = (
    "asyncio", "os", "nact", "nact.errors", "nact.persistence", "nact.persistence.records",
    "nact.persistence.building.group_commit", "nact_conformance.suite", "nact_conformance.process_storage",
    "nact_persistence_sqlite", "nact_persistence_postgres", "nact_persistence_redis", "nact_persistence_mongo",
)  # fmt: skip

WITHOUT_A_SERVER = ("sqlite", "memory")


def run(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]) -> None:
    """Runs the fragment, and checks that every name in it, functions that nobody calls included, means something."""
    for module in (nact, nact.persistence, discovery):
        monkeypatch.setattr(module, "engine_from_url", on_sqlite(discovery.engine_from_url, folder))
    monkeypatch.chdir(folder)
    namespace = {**public_names(), **given, "__name__": "fragment"}
    code = compile(block.text, block.place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)

    async def run_it() -> None:
        result = eval(code, namespace)
        if inspect.isawaitable(result):
            await result

    asyncio.run(run_it())
    unknown = {name for name in global_names(code) if name not in namespace and not hasattr(builtins, name)}
    assert not unknown, f"{block.place}: nobody says what {', '.join(sorted(unknown))} is"


def public_names() -> dict[str, Any]:
    """What a reader can import from the packages, by name."""
    names: dict[str, Any] = {}
    for module in map(importlib.import_module, PUBLIC):
        names[module.__name__.rpartition(".")[2]] = module
        names |= {name: value for name, value in vars(module).items() if not name.startswith("_")}
    names["engine_from_url"] = nact.engine_from_url
    return names


def on_sqlite(make: Callable[[str], PersistenceEngine], folder: Path) -> Callable[[str], PersistenceEngine]:
    """The function, with a file instead of a server. The engine of the server's URL is made, too, and not used."""

    def engine_from_url(url: str) -> PersistenceEngine:
        engine = make(url)
        return engine if urlsplit(url).scheme in WITHOUT_A_SERVER else make(f"sqlite:///{folder}/instead.db")

    return engine_from_url


def global_names(code: CodeType) -> Iterator[str]:
    """The names that the code, or a function in it, looks up outside itself."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME"} and code.co_name != "<class>":
            yield str(instruction.argval)
    for inner in code.co_consts:
        if isinstance(inner, CodeType) and not is_class_body(inner):
            yield from global_names(inner)
        elif isinstance(inner, CodeType):
            for method in inner.co_consts:
                if isinstance(method, CodeType):
                    yield from global_names(method)


def is_class_body(code: CodeType) -> bool:
    """Whether it has been run already, with names of its own."""
    return "__module__" in code.co_names and "__qualname__" in code.co_names
