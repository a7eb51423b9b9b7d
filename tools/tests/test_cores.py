"""Which cores a package is tried with."""

import tomllib
from pathlib import Path
from typing import Any

from tools.cores import admitted, cores
from tools.git import tags
from tools.packages import read_packages


def tried(repository: Any, name: str = "persistence-redis") -> list[tuple[str, str | None]]:
    return [(str(core.version), core.tag) for core in admitted(read_packages(repository.root)[name], repository.root)]


def test_without_a_release_the_work_trees_core_is_all_there_is(repository: Any) -> None:
    assert tried(repository) == [("0.1.0", None)]


def test_released_cores_come_before_the_work_trees_oldest_first(repository: Any) -> None:
    repository.commit("core-v0.1.0")
    repository.core("0.1.10", "core-v0.1.10")
    repository.core("0.1.9", "core-v0.1.9")
    repository.core("0.1.11")
    expected = [("0.1.0", "core-v0.1.0"), ("0.1.9", "core-v0.1.9"), ("0.1.10", "core-v0.1.10"), ("0.1.11", None)]
    assert tried(repository) == expected


def test_after_a_release_the_work_tree_is_newer_than_what_was_released_of_its_version(repository: Any) -> None:
    repository.commit("core-v0.1.0")
    assert tried(repository) == [("0.1.0", "core-v0.1.0"), ("0.1.0", None)]


def test_cores_beyond_the_range_are_left_out(repository: Any) -> None:
    repository.commit("core-v0.1.0")
    repository.core("0.2.0", "core-v0.2.0")
    repository.core("0.3.0")
    assert tried(repository) == [("0.1.0", "core-v0.1.0")]
    repository.redis_needs("nact>=0.2,<0.4")
    assert tried(repository) == [("0.2.0", "core-v0.2.0"), ("0.3.0", None)]


def test_a_package_may_admit_no_core_that_there_is(repository: Any) -> None:
    repository.redis_needs("nact>=0.5,<0.6")
    assert tried(repository) == []


def test_core_is_tried_with_itself(repository: Any) -> None:
    repository.commit("core-v0.1.0")
    assert tried(repository, "core") == [("0.1.0", None)]


def test_tags_of_others_and_tags_that_are_no_versions_are_passed_over(repository: Any) -> None:
    repository.commit("persistence-redis-v0.1.5", "core-vnext", "v0.1.4")
    assert tried(repository) == [("0.1.0", None)]


def test_a_core_says_what_it_was_built_from(repository: Any) -> None:
    repository.commit("core-v0.1.0")
    assert list(map(str, cores(repository.root))) == [
        "nact 0.1.0 (built from the tag core-v0.1.0)",
        "nact 0.1.0 (built from the work tree, not a release)",
    ]


def test_a_released_core_is_built_from_the_files_of_its_tag(repository: Any, tmp_path: Path) -> None:
    repository.commit("core-v0.1.0")
    repository.core("0.1.1")
    released, here = cores(repository.root)
    scratch = tmp_path / "scratch"

    def version(folder: Path) -> str:
        return str(tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"])

    assert version(released.source(repository.root, scratch)) == "0.1.0"
    assert (scratch / "LICENSE").is_file()
    assert version(here.source(repository.root, scratch)) == "0.1.1"


def test_a_source_tree_without_git_has_no_releases(tmp_path: Path) -> None:
    assert tags(tmp_path) == []
