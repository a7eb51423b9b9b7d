import json
from pathlib import Path

import pytest
from benchmarks.document import OtherCircumstancesError, ResultsFile, SuiteDocument, check_same_circumstances


def _case(name: str, date: str = "old", *, absent: str | None = None) -> dict[str, object]:
    return {"name": name, "date": date, "subjects": [{"name": "nact", "absent": absent}]}


def _suite(*cases: dict[str, object]) -> SuiteDocument:
    return {"date": cases[0]["date"], "cases": list(cases)}


def _read(path: Path) -> dict[str, SuiteDocument]:
    suites: dict[str, SuiteDocument] = json.loads(path.read_text())["suites"]
    return suites


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with two suites."""
    path = tmp_path / "results.json"
    file = ResultsFile(path, keep=False)
    file.put("sqlite", _suite(_case("one"), _case("many")), beside_others=False)
    file.put("redis", _suite(_case("one")), beside_others=False)
    return path


def test_a_suite_takes_the_place_of_its_older_self_and_leaves_the_others(path: Path) -> None:
    ResultsFile(path, keep=True).put("sqlite", _suite(_case("new", "new")), beside_others=False)
    assert _read(path) == {"sqlite": _suite(_case("new", "new")), "redis": _suite(_case("one"))}


def test_a_case_takes_the_place_of_its_older_self_and_leaves_the_others(path: Path) -> None:
    ResultsFile(path, keep=True).put("sqlite", _suite(_case("many", "new")), beside_others=True)
    assert _read(path)["sqlite"]["cases"] == [_case("one"), _case("many", "new")]


def test_a_file_that_is_not_kept_begins_anew(path: Path) -> None:
    ResultsFile(path, keep=False).put("sqlite", _suite(_case("one")), beside_others=False)
    assert list(_read(path)) == ["sqlite"]


def test_a_suite_that_could_not_be_measured_replaces_nothing(path: Path) -> None:
    before = _read(path)
    ResultsFile(path, keep=True).put("redis", _suite(_case("one", "new", absent="no server")), beside_others=False)
    assert _read(path) == before


def test_a_suite_that_was_never_measured_says_why(path: Path) -> None:
    missing = _suite(_case("one", absent="no server"))
    ResultsFile(path, keep=True).put("mongo", missing, beside_others=False)
    assert _read(path)["mongo"] == missing


def test_every_case_is_kept_at_once(path: Path) -> None:
    file = ResultsFile(path, keep=True)
    file.put("sqlite", _suite(_case("one", "new")), beside_others=False)
    assert _read(path)["sqlite"]["cases"] == [_case("one", "new")]
    file.put("sqlite", _suite(_case("one", "new"), _case("many", "new")), beside_others=False)
    assert _read(path)["sqlite"]["cases"] == [_case("one", "new"), _case("many", "new")]


@pytest.mark.parametrize("what", ["python", "rounds", "packages", "machine"])
def test_cases_measured_otherwise_cannot_stand_together(what: str) -> None:
    known = {"python": "3.11", "rounds": 5, "packages": {"nact": "1"}, "machine": {"processor": "a", "load": 1}}
    with pytest.raises(OtherCircumstancesError, match=what):
        check_same_circumstances(known, {**known, what: {"processor": "b"}})


def test_the_load_of_the_machine_is_no_other_machine() -> None:
    known = {"machine": {"processor": "a", "load": 1}}
    check_same_circumstances(known, {"machine": {"processor": "a", "load": 2}})
