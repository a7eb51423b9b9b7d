"""The packages of this repository, as their `pyproject.toml` tells them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

CORE = "core"
KIT = "conformance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A distribution with its own version.

    Attributes:
        short_name: What its tags begin with: `core`, `persistence-redis`, `conformance`.
        folder: Where it is.
        name: What it is installed by.
        version: The one that its folder has now.
        core_range: The versions of core that it admits; `None` if it needs no core.
    """

    short_name: str
    folder: Path
    name: str
    version: Version
    core_range: SpecifierSet | None

    @property
    def tag(self) -> str:
        """What its version is released by."""
        return f"{self.short_name}-v{self.version}"

    @property
    def changelog(self) -> Path:
        """What its users read before they upgrade."""
        return self.folder / "CHANGELOG.md"

    @property
    def wheel(self) -> str:
        """What the name of its wheel begins with."""
        return f"{self.name.replace('-', '_')}-{self.version}-"

    def admits(self, core: Version) -> bool:
        """Whether it can be installed beside this version of core."""
        return self.core_range is None or self.core_range.contains(core, prereleases=True)


def modules(folder: Path) -> list[str]:
    """The names that the project in this folder can be imported by."""
    return [init.parent.name for init in folder.glob("src/*/__init__.py")]


def read_package(folder: Path) -> Package:
    """The package in this folder."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needs = {need.name: need for need in map(Requirement, project.get("dependencies", []))}
    return Package(
        short_name=folder.name.removesuffix("-tests"),
        folder=folder,
        name=project["name"],
        version=Version(project["version"]),
        core_range=needs["nact"].specifier if "nact" in needs else None,
    )


def read_packages(root: Path) -> dict[str, Package]:
    """All packages that are released, by their short names, core first."""
    folders = [*sorted(root.glob("packages/*")), root / "conformance-tests"]
    found = [read_package(folder) for folder in folders if (folder / "pyproject.toml").is_file()]
    return {package.short_name: package for package in found}
