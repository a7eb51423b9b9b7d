"""What a built file has to have in it."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from tools.artefacts import flaws

INFO = "nact-0.1.0.dist-info"
METADATA = """Metadata-Version: 2.4
Name: nact
Summary: Actors
License-Expression: Apache-2.0
License-File: LICENSE
Requires-Python: >=3.11
Requires-Dist: msgspec>=0.21
Description-Content-Type: text/markdown
Classifier: Typing :: Typed
Classifier: Framework :: AsyncIO
Project-URL: Changelog, https://example.com/changelog
Project-URL: Documentation, https://example.com/docs
Project-URL: Issues, https://example.com/issues
Project-URL: Source, https://example.com/source

# nact
"""
IN_SDIST = ["CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"]
IN_WHEEL = ["nact/__init__.py", "nact/py.typed", f"{INFO}/licenses/LICENSE"]


def write(
    dist: Path, *, sdist: list[str] = IN_SDIST, wheel: list[str] = IN_WHEEL, metadata: str = METADATA
) -> list[str]:
    with tarfile.open(dist / "nact-0.1.0.tar.gz", "w:gz") as tar:
        for name in sdist:
            tar.addfile(tarfile.TarInfo(f"nact-0.1.0/{name}"), io.BytesIO())
    with zipfile.ZipFile(dist / "nact-0.1.0-py3-none-any.whl", "w") as archive:
        for name in wheel:
            archive.writestr(name, "")
        archive.writestr(f"{INFO}/METADATA", metadata)
    return flaws(dist)


def test_files_with_all_that_they_need_have_no_flaws(tmp_path: Path) -> None:
    assert write(tmp_path) == []


@pytest.mark.parametrize("name", IN_SDIST)
def test_an_sdist_has_each_of_these(tmp_path: Path, name: str) -> None:
    assert write(tmp_path, sdist=[other for other in IN_SDIST if other != name]) == [f"nact-0.1.0.tar.gz has no {name}"]


@pytest.mark.parametrize("name", IN_WHEEL)
def test_a_wheel_has_each_of_these(tmp_path: Path, name: str) -> None:
    (told,) = write(tmp_path, wheel=[other for other in IN_WHEEL if other != name])
    assert told == f"nact-0.1.0-py3-none-any.whl has no {name}"


def test_a_wheel_installs_nothing_beside_its_package(tmp_path: Path) -> None:
    (told,) = write(tmp_path, wheel=[*IN_WHEEL, "tests/test_it.py"])
    assert told.endswith("would install tests/test_it.py beside the package")


@pytest.mark.parametrize("field", ["Summary", "License-Expression", "License-File", "Requires-Python", "Description"])
def test_the_metadata_has_each_of_these(tmp_path: Path, field: str) -> None:
    lines = [line for line in METADATA.splitlines() if not line.startswith(field)]
    (told,) = write(tmp_path, metadata="\n".join(lines))
    assert f": no {field}" in told


@pytest.mark.parametrize("classifier", ["Typing :: Typed", "Framework :: AsyncIO"])
def test_the_metadata_has_each_of_these_classifiers(tmp_path: Path, classifier: str) -> None:
    (told,) = write(tmp_path, metadata=METADATA.replace(f"Classifier: {classifier}\n", ""))
    assert told.endswith(f"no classifier {classifier!r}")


def test_the_description_is_the_readme(tmp_path: Path) -> None:
    (told,) = write(tmp_path, metadata=METADATA.replace("# nact\n", ""))
    assert told.endswith("no description: the README is missing")


@pytest.mark.parametrize("need", ["nact", "nact @ file:///somewhere"])
def test_core_is_asked_for_within_bounds(tmp_path: Path, need: str) -> None:
    (told,) = write(tmp_path, metadata=METADATA.replace("msgspec>=0.21", need))
    assert told.endswith("engines need a bounded range of core")


def test_each_package_has_an_sdist_and_a_wheel(tmp_path: Path) -> None:
    assert flaws(tmp_path) == [f"{tmp_path} has 0 sdists and 0 wheels: each package needs one of each"]
    write(tmp_path)
    next(tmp_path.glob("*.whl")).unlink()
    assert flaws(tmp_path) == [f"{tmp_path} has 1 sdists and 0 wheels: each package needs one of each"]
