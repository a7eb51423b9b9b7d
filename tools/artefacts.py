"""What a user gets: whether the built sdists and wheels have in them what each must have, and nothing else."""

from __future__ import annotations

import email
import tarfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

_IN_SDIST = ("CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml")
_CLASSIFIERS = ("Typing :: Typed", "Framework :: AsyncIO")
_URLS = ("Changelog", "Documentation", "Issues", "Source")
_FIELDS = ("Summary", "License-Expression", "License-File", "Requires-Python", "Description-Content-Type")


def flaws(dist: Path) -> list[str]:
    """What is wrong with the files in this folder, a sentence each; with an empty folder, too."""
    sdists, wheels = sorted(dist.glob("*.tar.gz")), sorted(dist.glob("*.whl"))
    found = [flaw for sdist in sdists for flaw in _of_sdist(sdist)]
    found += [flaw for wheel in wheels for flaw in _of_wheel(wheel)]
    if not sdists or len(sdists) != len(wheels):
        found.append(f"{dist} has {len(sdists)} sdists and {len(wheels)} wheels: each package needs one of each")
    return found


def _of_sdist(sdist: Path) -> Iterator[str]:
    top = sdist.name.removesuffix(".tar.gz")
    with tarfile.open(sdist) as tar:
        names = set(tar.getnames())
    for name in _IN_SDIST:
        if f"{top}/{name}" not in names:
            yield f"{sdist.name} has no {name}"


def _of_wheel(wheel: Path) -> Iterator[str]:
    name, version, *_ = wheel.name.split("-")
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
    for needed in (f"{name}/__init__.py", f"{name}/py.typed", f"{info}/licenses/LICENSE"):
        if needed not in names:
            yield f"{wheel.name} has no {needed}"
    for stray in sorted(path for path in names if not path.startswith((f"{name}/", f"{info}/"))):
        yield f"{wheel.name} would install {stray} beside the package"
    yield from (f"{wheel.name}: {flaw}" for flaw in _of_metadata(metadata))


def _of_metadata(metadata: Message) -> Iterator[str]:
    for field in _FIELDS:
        if not metadata[field]:
            yield f"no {field}"
    if not str(metadata.get_payload()).strip():
        yield "no description: the README is missing"
    for classifier in _CLASSIFIERS:
        if classifier not in metadata.get_all("Classifier", []):
            yield f"no classifier {classifier!r}"
    urls = {url.partition(",")[0] for url in metadata.get_all("Project-URL", [])}
    yield from (f"no URL called {name}" for name in _URLS if name not in urls)
    for need in metadata.get_all("Requires-Dist", []):
        if "nact" in need.split() or " @ " in need:
            yield f"{need!r} has no bounds, or is a place: engines need a bounded range of core"
