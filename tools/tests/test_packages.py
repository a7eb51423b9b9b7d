"""Laws of this repository's own packages."""

import ast
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from tools.packages import CORE, Package, read_packages

ROOT = Path(__file__).parents[2]
PACKAGES = read_packages(ROOT)
OTHERS = [package for package in PACKAGES.values() if package.short_name != CORE]
DISTRIBUTIONS = {"bson": "pymongo", "opentelemetry": "opentelemetry-api"}


def project(package: Package) -> dict[str, Any]:
    return dict(tomllib.loads((package.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"])


def requirements(package: Package) -> list[Requirement]:
    told = project(package)
    extras = told.get("optional-dependencies", {}).values()
    return [Requirement(need) for need in [*told["dependencies"], *[need for extra in extras for need in extra]]]


def imported(package: Package) -> set[str]:
    found = set()
    for path in package.folder.glob("src/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {package.name.replace("-", "_")}


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_what_a_package_imports_it_asks_for(package: Package) -> None:
    asked = {need.name for need in requirements(package)}
    assert {DISTRIBUTIONS.get(name, name) for name in imported(package)} <= asked


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_every_requirement_has_a_lower_bound(package: Package) -> None:
    ours = {other.name for other in OTHERS}  # they bound core, and so themselves
    loose = [str(need) for need in requirements(package) if need.name not in ours and ">=" not in str(need.specifier)]
    assert loose == []


@pytest.mark.parametrize("package", OTHERS, ids=lambda package: package.name)
def test_the_range_of_core_is_bounded_and_admits_the_core_beside_it(package: Package) -> None:
    assert package.core_range is not None
    assert {bound.operator for bound in package.core_range} == {">=", "<"}
    assert package.admits(PACKAGES[CORE].version)


def test_each_engine_is_an_extra_of_core() -> None:
    extras = project(PACKAGES[CORE])["optional-dependencies"]
    engines = {name.removeprefix("persistence-"): name for name in PACKAGES if name.startswith("persistence-")}
    assert {name: extras.get(name) for name in engines} == {name: [f"nact-{long}"] for name, long in engines.items()}


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_a_package_has_its_own_changelog_readme_and_classifiers(package: Package) -> None:
    told = project(package)
    assert package.changelog.read_text(encoding="utf-8").startswith(f"# Changelog of {package.name}\n")
    assert (package.folder / told["readme"]).read_text(encoding="utf-8").startswith(f"# {package.name}\n")
    assert {"Typing :: Typed", "Framework :: AsyncIO"} <= set(told["classifiers"])
