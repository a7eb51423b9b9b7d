from __future__ import annotations

from pathlib import Path

import pytest
from tools.git import git

PROJECT = """
[project]
name = "{name}"
version = "{version}"
dependencies = [{needs}]
"""
CHANGELOG = "# Changelog of {name}\n\n## Unreleased\n\n## {version} - 2026-11-20\n\n### Added\n\n- You can use it.\n"


class Repository:
    """One like ours, with core 0.1.0, an engine and the kit, all ready to be released."""

    def __init__(self, root: Path) -> None:
        self.root = root
        git(root, "init", "--quiet", "--initial-branch=main")
        for key, value in (("user.name", "Ada"), ("user.email", "ada@example.com"), ("commit.gpgsign", "false")):
            git(root, "config", key, value)
        (root / "LICENSE").write_text("Apache License\n")
        self.package("packages/core", "nact", "0.1.0", "msgspec>=0.21")
        self.package("packages/persistence-redis", "nact-persistence-redis", "0.1.0", "nact>=0.1,<0.2")
        self.package("conformance-tests", "nact-conformance", "0.1.0", "nact>=0.1,<0.2")
        self.commit()

    def package(self, folder: str, name: str, version: str, *needs: str) -> None:
        """Makes a package, or gives it another version and other needs."""
        place = self.root / folder
        place.mkdir(parents=True, exist_ok=True)
        project = PROJECT.format(name=name, version=version, needs=", ".join(f'"{need}"' for need in needs))
        (place / "pyproject.toml").write_text(project)
        self.changelog(folder, CHANGELOG.format(name=name, version=version))

    def changelog(self, folder: str, text: str) -> None:
        (self.root / folder / "CHANGELOG.md").write_text(text)

    def commit(self, *tags: str) -> None:
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--allow-empty", "--message=A step")
        for tag in tags:
            git(self.root, "tag", "--no-sign", tag)

    def core(self, version: str, *tags: str) -> None:
        """Core gets a version, and is released by these tags."""
        self.package("packages/core", "nact", version, "msgspec>=0.21")
        self.commit(*tags)

    def redis_needs(self, core: str) -> None:
        self.package("packages/persistence-redis", "nact-persistence-redis", "0.1.0", core)
        self.commit()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)
