"""What has to be true before a tag may release a package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from tools.cores import admitted
from tools.git import git, tags
from tools.packages import CORE, Package, read_packages

_TAG = re.compile(r"(?P<package>[a-z][a-z-]*?)-v(?P<version>.+)")
_SECTION = re.compile(r"^## (?P<title>.+?)(?: - (?P<date>\S+))?\n(?P<text>.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)


def released_by(tag: str, root: Path) -> Package:
    """The package that a tag such as `persistence-redis-v0.1.0` releases.

    Raises:
        ValueError: It names none.
    """
    known = read_packages(root)
    match = _TAG.fullmatch(tag)
    if match is None or match["package"] not in known:
        raise ValueError(f"{tag!r} isn't a tag such as {', '.join(package.tag for package in known.values())}")
    return known[match["package"]]


def obstacles(tag: str, root: Path, today: date | None = None) -> list[str]:
    """Everything that stands in the way of this release, a sentence each."""
    package = released_by(tag, root)
    found = [*_about_version(package, tag), *_about_changelog(package, today or datetime.now(UTC).date())]
    return [*found, *_about_git(tag, root), *_about_core(package, root)]


def notes(tag: str, root: Path) -> list[str]:
    """What to know about this release beside: nothing that stands in its way."""
    package = released_by(tag, root)
    if package.short_name == CORE:
        others = [other for other in read_packages(root).values() if not other.admits(package.version)]
        return [f"{other.name} {other.core_range} doesn't admit it yet: release that next" for other in others]
    if all(core.tag is None for core in admitted(package, root)):
        return [
            f"no core that it admits ({package.core_range}) has a tag: release core first, or nobody can install it"
        ]
    return []


def _about_version(package: Package, tag: str) -> Iterator[str]:
    if tag != package.tag:
        place = f"{package.folder.name}/pyproject.toml"
        yield f"{place} has version {package.version}, whose tag is {package.tag}, not {tag}"


def _about_changelog(package: Package, today: date) -> Iterator[str]:
    place = f"{package.folder.name}/CHANGELOG.md"
    sections = {match["title"]: match for match in _SECTION.finditer(package.changelog.read_text(encoding="utf-8"))}
    section = sections.get(str(package.version))
    if section is None:
        yield f"{place} has no section '## {package.version} - {today}'"
        return
    if (dated := _date(section["date"])) is None:
        yield f"{place} says no date for {package.version}, as in '## {package.version} - {today}'"
    elif dated > today:
        yield f"{place} dates {package.version} in the future, {dated}"
    if not section["text"].strip():
        yield f"{place} says nothing about {package.version}"
    if "Unreleased" in sections and sections["Unreleased"]["text"].strip():
        yield f"{place} still has something under Unreleased: move it to {package.version}, or it is released untold"


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _about_git(tag: str, root: Path) -> Iterator[str]:
    if changed := git(root, "status", "--porcelain"):
        yield f"the work tree isn't clean: {', '.join(line.split()[-1] for line in changed.splitlines())}"
    if tag in tags(root) and git(root, "rev-list", "-n", "1", tag) != git(root, "rev-parse", "HEAD"):
        yield f"{tag} is the tag of another commit: a version is released once"


def _about_core(package: Package, root: Path) -> Iterator[str]:
    newest = read_packages(root)[CORE].version
    if not package.admits(newest):
        yield f"{package.name} admits nact {package.core_range}, which leaves out the newest, {newest}"
