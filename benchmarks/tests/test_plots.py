"""What is drawn. `nox -s publish` runs it with matplotlib; elsewhere it is skipped."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from benchmarks.publish import command_line, reports, results
from benchmarks.publish.pages import NothingMeasuredError, pages
from benchmarks.publish.readme import BEGIN, END
from benchmarks.tests.samples import report, results_file, suite

PLOTS = ("throughput", "latency", "replay", "growth")


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like this repository, with results and reports and nothing made from them."""
    folder = tmp_path / "docs/measured"
    reports.write(folder / "conformance", "sqlite", report(1, {"held": 1}))
    results_file(folder / "benchmarks.json", {"sqlite": suite(), "redis": suite()})
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}\n")
    monkeypatch.chdir(tmp_path)
    return folder


def test_everything_is_made_and_then_up_to_date(measured: Path) -> None:
    assert command_line.main(["--check"]) == 1
    assert command_line.main([]) == 0
    assert command_line.main(["--check"]) == 0
    assert {path.name for path in measured.iterdir() if path.is_file()} == {
        "benchmarks.json", "guarantees.md", "numbers.md", *[f"{name}.svg" for name in PLOTS],
    }  # fmt: skip
    assert "| 1. Durable on return | kept (1) |" in Path("README.md").read_text()


@pytest.mark.parametrize("name", ["numbers.md", "guarantees.md", "throughput.svg", "../../README.md"])
def test_an_edit_by_hand_is_out_of_date(measured: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command_line.main([])
    path = measured / name
    path.write_text(path.read_text().replace("1", "2"))
    assert command_line.main(["--check"]) == 1
    assert path.name in capsys.readouterr().err


def test_new_results_make_what_was_made_out_of_date(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command_line.main([])
    results_file(measured / "benchmarks.json", {"sqlite": suite(nact=[3000.0]), "redis": suite()})
    assert command_line.main(["--check"]) == 1
    outdated = capsys.readouterr().err
    assert "numbers.md" in outdated
    assert "throughput.svg" in outdated
    assert "guarantees.md" not in outdated


def test_another_process_draws_the_same_bytes(measured: Path) -> None:
    command_line.main([])
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "benchmarks.publish", "--check"]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(root), "PYTHONHASHSEED": "7"}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_plot_is_an_image_of_some_size_that_fetches_nothing(measured: Path) -> None:
    command_line.main([])
    for name in PLOTS:
        text = (measured / f"{name}.svg").read_text()
        assert float(ET.fromstring(text).attrib["width"].removesuffix("pt")) > 600
        assert "<image" not in text
        assert "date" not in text


def test_without_results_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(NothingMeasuredError):
        pages({}, {"sqlite": report(1, {"held": 1})}, tmp_path / "README.md", tmp_path)


def test_results_of_no_engine_make_no_plots_of_engines(measured: Path) -> None:
    suites = results.read([results_file(measured / "benchmarks.json", {"memory": suite()})])
    made = pages(suites, {"sqlite": report(1, {"held": 1})}, Path("README.md"), measured)
    assert not [path for path in made if path.suffix == ".svg"]


def test_no_results_at_all_are_refused_in_a_sentence(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (measured / "benchmarks.json").unlink()
    with pytest.raises(SystemExit):
        command_line.main([])
    assert "benchmarks.json" in capsys.readouterr().err
