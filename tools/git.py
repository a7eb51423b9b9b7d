"""What git knows of a repository."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path


def git(root: Path, *args: str) -> str:
    """What a git command prints."""
    command = ["git", "-C", str(root), *args]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def tags(root: Path) -> list[str]:
    """All tags. A source tree without git, an unpacked sdist for instance, has none."""
    return git(root, "tag", "--list").split() if (root / ".git").exists() else []


def unpack(root: Path, tag: str, into: Path, *paths: str) -> None:
    """Writes these files and folders to a folder, as they were at the tag."""
    command = ["git", "-C", str(root), "archive", "--format=tar", tag, *paths]
    archive = subprocess.run(command, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        # Debian 12's Python, 3.11.2, has no filters yet.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        tar.extractall(into)  # noqa: S202 - git made it
