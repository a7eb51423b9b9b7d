"""Which cores a package can be tried with: the released ones, built from their tags, and the one in the work tree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from tools.git import tags, unpack
from tools.packages import CORE, Package, read_packages

PREFIX = f"{CORE}-v"


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """A version of core, and where its source is: at a tag, or in the work tree (no tag)."""

    version: Version
    tag: str | None

    def __str__(self) -> str:
        place = f"built from the tag {self.tag}" if self.tag else "built from the work tree, not a release"
        return f"nact {self.version} ({place})"

    def source(self, root: Path, scratch: Path) -> Path:
        """The folder to build it from."""
        if self.tag is None:
            return root / "packages" / "core"
        unpack(root, self.tag, scratch, "packages/core", "LICENSE")
        return scratch / "packages" / "core"


def cores(root: Path) -> list[Core]:
    """Every core that there is, oldest first. The work tree's comes last among those of its version."""
    here = Core(version=read_packages(root)[CORE].version, tag=None)
    released = [Core(version=version, tag=tag) for tag in tags(root) if (version := _version(tag))]
    return sorted([*released, here], key=lambda core: (core.version, core.tag is None))


def admitted(package: Package, root: Path) -> list[Core]:
    """The cores that a package's range admits, oldest first: itself alone, if it is core."""
    if package.short_name == CORE:
        return [Core(version=package.version, tag=None)]
    return [core for core in cores(root) if package.admits(core.version)]


def _version(tag: str) -> Version | None:
    if not tag.startswith(PREFIX):
        return None
    try:
        return Version(tag.removeprefix(PREFIX))
    except InvalidVersion:
        return None
