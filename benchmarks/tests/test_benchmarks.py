import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a quick run of nact's and the standard library's subjects writes."""
    path = tmp_path_factory.mktemp("benchmarks") / "results.json"
    done = _run("actors", "--quick", "--subject", "nact", "--subject", "asyncio.Queue", "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    path.with_suffix(".txt").write_text(done.stdout)
    return path


def test_a_quick_run_prints_a_table_of_every_case_with_its_targets(results: Path) -> None:
    table = results.with_suffix(".txt").read_text()
    assert "ping-pong between two (n = 2,000" in table
    assert "x asyncio.Queue tasks  targets" in table
    assert "3 x asyncio.Queue tasks: " in table


def test_the_json_tells_where_it_was_measured_and_how(results: Path) -> None:
    told = json.loads(results.read_text())["suites"]["actors"]
    assert told["date"] == told["cases"][0]["date"]
    assert told["quick"] is True
    assert told["rounds"] == 1
    assert told["python"].startswith("CPython")
    assert told["packages"]["nact"]
    assert told["machine"]["processors"] >= 1


def test_the_json_has_figures_ratios_and_targets_of_every_case(results: Path) -> None:
    cases = json.loads(results.read_text())["suites"]["actors"]["cases"]
    assert len(cases) == 6
    for case in cases:
        nact = next(subject for subject in case["subjects"] if subject["name"] == "nact")
        assert len(nact["figures"]) == 1
        assert nact["median"] == nact["figures"][0] > 0
        assert case["targets"]
    fan_out = next(case for case in cases if case["name"] == "fan-out to 1000 actors")
    target = next(target for target in fan_out["targets"] if target["of"] == "asyncio.Queue tasks")
    assert target["met"] == (target["reached"] >= target["bound"])


def test_a_subject_that_needs_what_is_not_here_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    nothing = {"PATH": "", "HOME": str(tmp_path)}
    done = _run("actors", "--case", "one-way", "--subject", "JS", "--quick", "--json", str(path), env=nothing)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not here: there is no node" in done.stdout
    (case,) = json.loads(path.read_text())["suites"]["actors"]["cases"]
    assert case["subjects"][0]["absent"] == "there is no node"
    assert all(target["met"] is None for target in case["targets"])


def test_an_unknown_suite_is_refused_with_the_names_of_those_there_are() -> None:
    done = _run("oracle")
    assert done.returncode == 2
    assert "actors" in done.stderr


def test_an_update_replaces_what_ran_and_keeps_the_rest(results: Path, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    known = json.loads(results.read_text())
    known["suites"]["oracle"] = known["suites"]["actors"]
    known["suites"]["actors"]["cases"][1]["date"] = known["suites"]["actors"]["cases"][0]["date"] = "long ago"
    path.write_text(json.dumps(known))
    done = _run("actors", "--case", "fan-out", "--quick", "--json", str(path), "--update")
    assert done.returncode == 0, done.stdout + done.stderr
    suites = json.loads(path.read_text())["suites"]
    assert list(suites) == ["actors", "oracle"]
    assert [case["name"] for case in suites["actors"]["cases"]] == [
        case["name"] for case in known["suites"]["actors"]["cases"]
    ]
    assert suites["actors"]["cases"][1]["date"] == "long ago"
    assert suites["actors"]["cases"][2]["date"] == suites["actors"]["date"]


def test_an_update_by_cases_measured_otherwise_is_refused(results: Path) -> None:
    done = _run("actors", "--case", "fan-out", "--rounds", "2", "--quick", "--json", str(results), "--update")
    assert done.returncode == 2
    assert "not the same as when the other cases ran: rounds" in done.stderr


def test_an_update_by_subjects_is_refused(results: Path) -> None:
    done = _run("actors", "--subject", "nact", "--quick", "--json", str(results), "--update")
    assert done.returncode == 2
    assert "whole cases" in done.stderr
