"""What stands in the way of a release."""

from datetime import date
from typing import Any

import pytest
from tools.release import notes, obstacles, released_by

TODAY = date(2026, 11, 25)
REDIS = "packages/persistence-redis"


def found(repository: Any, tag: str = "persistence-redis-v0.1.0") -> str:
    return "\n".join(obstacles(tag, repository.root, TODAY))


@pytest.mark.parametrize("tag", ["core-v0.1.0", "persistence-redis-v0.1.0", "conformance-v0.1.0"])
def test_nothing_stands_in_the_way_of_what_is_ready(repository: Any, tag: str) -> None:
    assert obstacles(tag, repository.root, TODAY) == []


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("core-v0.1.0", "nact"),
        ("persistence-redis-v1.2.3rc1", "nact-persistence-redis"),
        ("conformance-v0.1.0", "nact-conformance"),
    ],
)
def test_a_tag_names_a_package(repository: Any, tag: str, name: str) -> None:
    assert released_by(tag, repository.root).name == name


@pytest.mark.parametrize("tag", ["", "v0.1.0", "core-0.1.0", "core-v", "nact-v0.1.0", "persistence-oracle-v0.1.0"])
def test_a_tag_that_names_none_is_refused_with_those_that_would(repository: Any, tag: str) -> None:
    with pytest.raises(ValueError, match=r"isn't a tag such as core-v0\.1\.0, persistence-redis-v0\.1\.0, conformance"):
        released_by(tag, repository.root)


def test_the_tag_has_the_version_of_the_package(repository: Any) -> None:
    expected = "has version 0.1.0, whose tag is persistence-redis-v0.1.0, not persistence-redis-v0.2.0"
    assert expected in found(repository, "persistence-redis-v0.2.0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("## Unreleased\n\n- All.\n", "has no section '## 0.1.0 - 2026-11-25'"),
        ("## 0.1.0rc1 - 2026-11-20\n\n- All.\n", "has no section '## 0.1.0 - 2026-11-25'"),
        ("## 0.1.0\n\n- All.\n", "says no date for 0.1.0"),
        ("## 0.1.0 - soon\n\n- All.\n", "says no date for 0.1.0"),
        ("## 0.1.0 - 2026-11-26\n\n- All.\n", "dates 0.1.0 in the future, 2026-11-26"),
        ("## 0.1.0 - 2026-11-20\n\n## 0.0.9 - 2026-11-01\n\n- All.\n", "says nothing about 0.1.0"),
        ("## Unreleased\n\n- More.\n\n## 0.1.0 - 2026-11-20\n\n- All.\n", "still has something under Unreleased"),
    ],
)
def test_the_changelog_tells_what_is_released_and_when(repository: Any, text: str, expected: str) -> None:
    repository.changelog(REDIS, f"# Changelog\n\n{text}")
    repository.commit()
    (told,) = obstacles("persistence-redis-v0.1.0", repository.root, TODAY)
    assert f"persistence-redis/CHANGELOG.md {expected}" in told


def test_a_changelog_dated_today_is_right(repository: Any) -> None:
    repository.changelog(REDIS, "## 0.1.0 - 2026-11-25\n\n- All.\n")
    repository.commit()
    assert not found(repository)


@pytest.mark.parametrize("name", ["LICENSE", "new.py"])
def test_what_isnt_committed_isnt_released(repository: Any, name: str) -> None:
    (repository.root / name).write_text("other\n")
    assert found(repository) == f"the work tree isn't clean: {name}"


def test_a_version_is_released_once(repository: Any) -> None:
    repository.commit("persistence-redis-v0.1.0")
    assert not found(repository)  # the workflow runs on the tagged commit
    repository.commit()
    assert found(repository) == "persistence-redis-v0.1.0 is the tag of another commit: a version is released once"


def test_an_engine_admits_the_newest_core(repository: Any) -> None:
    repository.core("0.2.0")
    assert found(repository) == "nact-persistence-redis admits nact <0.2,>=0.1, which leaves out the newest, 0.2.0"


def test_core_is_released_before_what_needs_it(repository: Any) -> None:
    repository.core("0.2.0")
    assert not found(repository, "core-v0.2.0")
    told = notes("core-v0.2.0", repository.root)
    assert [note.split()[0] for note in told] == ["nact-persistence-redis", "nact-conformance"]
    assert all(note.endswith("doesn't admit it yet: release that next") for note in told)


def test_a_package_whose_core_isnt_released_is_told_of(repository: Any) -> None:
    (note,) = notes("persistence-redis-v0.1.0", repository.root)
    assert "no core that it admits (<0.2,>=0.1) has a tag: release core first" in note
    repository.commit("core-v0.1.0")
    assert notes("persistence-redis-v0.1.0", repository.root) == []
    assert notes("core-v0.1.0", repository.root) == []
