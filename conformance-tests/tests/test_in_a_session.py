"""The kit in a pytest session of its own, as an author has it: report, exit status, and no imposition."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

SUITE = """
import pytest
from nact.persistence import MemoryPersistenceEngine, MemoryStorage
from nact_conformance.suite import ConformanceSuite, Requirements

GONE = dict.fromkeys([*[f"P-0{n}" for n in range(1, 8)], "P-11", "L-16", "N-13", "A-12"], "lives in memory")

class TestMemory(ConformanceSuite):
    requirements = Requirements(cannot_keep=GONE)

    def engine(self):
        self.store = MemoryStorage()
        return MemoryPersistenceEngine(self.store)

    def reopen(self):
        return MemoryPersistenceEngine(self.store)

    def url(self):
        return "memory://for-other-processes"
"""


def has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


LAWS = len((Path(__file__).parent / "laws.txt").read_text(encoding="utf-8").splitlines())

FEW = "sequence_order or limit_of_one or empty_batch"


def session(folder: Path, suite: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A pytest session on one file, with every warning an error, away from this repository's settings."""
    (folder / "test_mine.py").write_text(suite)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    if not any("asyncio" in option for option in options) and has("pytest_asyncio"):
        options = (*options, "-p", "no:asyncio")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_a_whole_run_gives_a_verdict_and_reports(tmp_path: Path) -> None:
    files = ("--conformance-report=found.json", "--conformance-markdown=found.md")
    ran = session(tmp_path, SUITE, "--conformance-rounds=1", *files)
    assert ran.returncode == 0, ran.stdout
    assert "CONFORMANT, except for 11 laws that it declares not to keep" in ran.stdout
    assert "  2  Dense and ordered                               kept" in ran.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    (subject,) = found["subjects"]
    assert subject["conformant"]
    assert subject["engine"].startswith("nact.persistence.memory.MemoryPersistenceEngine (nact ")
    assert "protocol version 1" in found["kit"]
    assert datetime.fromisoformat(found["date"]).utcoffset() == timedelta(0)
    assert found["python"] == f"{platform.python_implementation()} {platform.python_version()}"
    outcomes = {law["law_id"]: law["outcome"] for law in subject["laws"]}
    assert (outcomes["J-01"], outcomes["P-01"], outcomes["M-01"]) == ("held", "declared", "not tested")
    markdown = (tmp_path / "found.md").read_text()
    assert "| J-01 | an event comes back as it was persisted | held |" in markdown
    assert "| P-01 | another process reads what was acknowledged | declared: lives in memory |" in markdown


def test_laws_that_were_replaced_skipped_or_deselected_are_shown_and_no_verdict_is_given(tmp_path: Path) -> None:
    cheat = """
    def test_events_come_back_in_sequence_order(self):
        pass

    test_an_empty_batch_does_nothing = None
    test_a_limit_of_one_yields_the_first_of_the_window = pytest.mark.skip("slow")(
        ConformanceSuite.test_a_limit_of_one_yields_the_first_of_the_window)
"""
    ran = session(tmp_path, SUITE + cheat, "-k", f"{FEW} or limit_of_zero")
    assert ran.returncode == 1
    assert "replaced:\n  B-02" in ran.stdout
    assert "  J-03  events come back in sequence order (a test of the same name stands in its place)" in ran.stdout
    assert "skipped by the session, not by the kit (1: J-08)" in ran.stdout
    assert f"deselected, skipped, or the session ended before ({LAWS - 4}: A-01, A-02," in ran.stdout
    assert f"NOT JUDGED: {LAWS - 1} laws didn't run as the kit has them" in ran.stdout


def test_a_broken_law_fails_in_plain_words(tmp_path: Path) -> None:
    broken = (
        SUITE
        + """
    def reopen(self):
        return MemoryPersistenceEngine()
"""
    )
    ran = session(tmp_path, broken, "-k", "outlives_its_client and acknowledged")
    assert ran.returncode == 1
    for line in (
        "J-13 is broken: what was acknowledged outlives its client",
        "guarantee 1: Durable on return",
        "promised: all fifteen events outlive their client",
        "happened: expected 1 to 15, got none",
        "(15 times)",
        "NOT CONFORMANT: 1 law failed",
    ):
        assert line in ran.stdout
    assert "Traceback" not in ran.stdout


def test_a_declared_law_that_holds_fails_the_run(tmp_path: Path) -> None:
    ran = session(tmp_path, SUITE, "-k", FEW, "--conformance-declare=J-03:too hard")
    assert ran.returncode == 1
    assert "J-03 was declared (too hard), yet it holds" in ran.stdout


def test_a_law_that_pytest_is_told_to_expect_to_fail_is_broken_all_the_same(tmp_path: Path) -> None:
    hidden = SUITE.replace(
        "        return MemoryPersistenceEngine(self.store)\n\n    def url", "        return 5\n\n    def url"
    )
    hidden = hidden.replace("class TestMemory", "@pytest.mark.xfail\nclass TestMemory")
    ran = session(tmp_path, hidden, "-k", "outlives_its_client and acknowledged")
    assert "NOT CONFORMANT: 1 law failed" in ran.stdout
    assert ran.returncode == 1


def test_without_code_a_url_suffices(tmp_path: Path) -> None:
    options = ("--pyargs", "nact_conformance", "--engine-url=memory://mine", "-k", FEW)
    ran = session(tmp_path, "", *options)
    assert "3 passed" in ran.stdout
    assert "NOT JUDGED" in ran.stdout


def test_without_a_url_the_kit_asks_for_it(tmp_path: Path) -> None:
    ran = session(tmp_path, "", "--pyargs", "nact_conformance")
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--engine-url" in ran.stderr + ran.stdout


def test_a_url_without_laws_is_no_success(tmp_path: Path) -> None:
    ran = session(tmp_path, "def test_something_else():\n    pass\n", "--engine-url=memory://mine")
    assert ran.returncode == 1
    assert "no law was tried" in ran.stdout


def test_a_session_without_laws_imports_nothing_of_the_kit(tmp_path: Path) -> None:
    unused = """
import sys

def test_nothing_was_imported():
    assert "nact_conformance.plugin" in sys.modules
    found = [name for name in sys.modules if name.split(".")[0] in ("nact", "nact_conformance")]
    assert sorted(found) == ["nact_conformance", "nact_conformance.plugin"]
"""
    ran = session(tmp_path, unused)
    assert ran.returncode == 0, ran.stdout
    assert "conformance" not in ran.stdout.partition("passed")[0].replace("plugins: ", "").replace(
        "nact-conformance", ""
    )


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not has(module), reason=f"{module} isn't installed")


BESIDE = [
    pytest.param(["-p", "no:asyncio", "-p", "no:anyio"], id="without pytest-asyncio and anyio"),
    pytest.param(["-o", "asyncio_mode=strict"], id="pytest-asyncio strict", marks=needs("pytest_asyncio")),
    pytest.param(["-o", "asyncio_mode=auto"], id="pytest-asyncio auto", marks=needs("pytest_asyncio")),
    pytest.param(["-n", "2"], id="xdist", marks=needs("xdist")),
    pytest.param(["--import-mode=importlib"], id="importlib"),
]


@pytest.mark.parametrize("options", BESIDE)
def test_other_plugins_make_no_difference(tmp_path: Path, options: list[str]) -> None:
    if "-o" in options:
        options = [*options, "-o", "asyncio_default_fixture_loop_scope=function"]
    ran = session(tmp_path, SUITE, "-k", f"{FEW} or outlives_its_client", *options)
    assert "7 passed" in ran.stdout, ran.stdout + ran.stderr
    assert f"NOT JUDGED: {LAWS - 7} laws didn't run as the kit has them" in ran.stdout
