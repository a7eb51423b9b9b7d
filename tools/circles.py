"""Finds circles of imports inside a package: `python -m tools.circles`, in the root of the repository.

Every import counts, also for typing only, or inside a function: a module that imports itself by way of others has no
place in an order of layers, whether Python minds or not.

`[tool.circles]` in `pyproject.toml` says what is left out: `units` are packages whose modules are one concept seen from
several sides, and count as one module; `allowed` are modules and packages that may have circles for now. The list only
shrinks: a name in it that has no circle is reported, too.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeAlias


class Import(NamedTuple):
    """The line on which a module imports another."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


Graph: TypeAlias = Mapping[str, Mapping[str, Import]]
"""The imports of each module, by the module that is imported."""


def modules_of(source: Path) -> dict[str, Path]:
    """The modules below a folder such as `src`, by their dotted names."""
    found = {}
    for file in sorted(source.rglob("*.py")):
        *packages, name = file.relative_to(source).with_suffix("").parts
        found[".".join(packages if name == "__init__" else [*packages, name])] = file
    return found


def inside(module: str, package: str) -> bool:
    """Tells whether a module is this package, or stands somewhere below it."""
    return f"{module}.".startswith(f"{package}.")


def imports_of(module: str, file: Path, known: Collection[str]) -> Iterator[tuple[str, int]]:
    """The known modules that a module imports, each with the line."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        match node:
            case ast.Import(names=names):
                yield from ((name.name, node.lineno) for name in names if name.name in known)
            case ast.ImportFrom(module=base, names=names, level=level):
                if level:
                    above = package.split(".")[: len(package.split(".")) - level + 1]
                    base = ".".join([*above, *([base] if base else [])])
                for name in names:
                    submodule = f"{base}.{name.name}"
                    if (target := submodule if submodule in known else base) in known:
                        yield target or "", node.lineno
            case _:
                pass


def graph_of(source: Path, units: Iterable[str] = ()) -> dict[str, dict[str, Import]]:
    """What each module below this folder imports, where a unit counts as one module."""
    modules = modules_of(source)
    unit_of = {name: unit for unit in units for name in modules if inside(name, unit)}
    graph: dict[str, dict[str, Import]] = {unit_of.get(name, name): {} for name in modules}
    for name, file in modules.items():
        importer = unit_of.get(name, name)
        for target, line in imports_of(name, file, modules):
            imported = unit_of.get(target, target)
            if imported != importer:
                graph[importer].setdefault(imported, Import(file, line))
    return graph


def circle_through(start: str, graph: Graph) -> list[str]:
    """The shortest way from a module back to itself, with `start` first and last; empty if there is none."""
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        module = waiting.popleft()
        for imported in graph[module]:
            if imported == start:
                way = [module]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return [*reversed(way), start]
            if imported not in came_from:
                came_from[imported] = module
                waiting.append(imported)
    return []


def circles(graph: Graph) -> list[list[str]]:
    """The shortest circle through each module that is in one, shortest first, each of them once."""
    found: dict[frozenset[str], list[str]] = {}
    for module in graph:
        if circle := circle_through(module, graph):
            found.setdefault(frozenset(circle), circle)
    return sorted(found.values(), key=lambda circle: (len(circle), circle))


def described(circle: list[str], graph: Graph) -> str:
    """A circle as text: a line for each import in it."""
    steps = [f"  {module} imports {imported}   {graph[module][imported]}" for module, imported in pairwise(circle)]
    return "\n".join([f"{circle[0]} imports itself in {len(steps)} steps:", *steps])


def flaws(sources: Iterable[Path], units: Collection[str], allowed: Collection[str]) -> Iterator[str]:
    """What is wrong: each circle that isn't allowed, and each name in the settings that has no use."""
    in_circles: set[str] = set()
    names: set[str] = set()
    for source in sources:
        graph = graph_of(source, units)
        names |= set(graph)
        for circle in circles(graph):
            in_circles |= set(circle)
            if not all(any(inside(module, name) for name in allowed) for module in circle):
                yield described(circle, graph)
    for name in allowed:
        if not any(inside(module, name) for module in in_circles):
            yield f"pyproject.toml: [tool.circles] allows {name}, which has no circle: take it out"
    for name in units:
        if name not in names:
            yield f"pyproject.toml: [tool.circles] has the unit {name}, which isn't there"


def main(root: Path) -> None:
    """Exits with the circles below this folder, if there are any."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"].get("circles", {})
    sources = sorted([*root.glob("*/src"), *root.glob("*/*/src")])
    found = list(flaws(sources, settings.get("units", []), settings.get("allowed", [])))
    if found:
        sys.exit("\n\n".join(found))
    print(f"No circle of imports in {len(sources)} packages.")


if __name__ == "__main__":
    main(Path())
