"""What a type checker tells the users of nact, in programs of theirs.

Those in `accepted` have no error under `mypy --strict`. Those in `refused` have exactly the errors that their comments
announce: `# E[code]`, or `# E[code]: a part of the message`.
"""

import re
from pathlib import Path
from typing import NamedTuple, TypeAlias

import mypy.api
import pytest

import nact

HERE = Path(__file__).parent
ACCEPTED = sorted(HERE.glob("accepted/*.py"))
REFUSED = sorted(HERE.glob("refused/*.py"))

_ANNOUNCED = re.compile(r"# E\[(?P<code>[\w-]+)\](: (?P<message>.+))?")
_REPORTED = re.compile(r"(?P<file>.+?):(?P<line>\d+): error: (?P<message>.+)  \[(?P<code>[\w-]+)\]")


class Error(NamedTuple):
    """An error of the type checker. Announced ones have only a part of the message."""

    line: int
    code: str
    message: str


Report: TypeAlias = dict[Path, list[Error]]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What mypy says about every program, checked together."""
    sources = Path(nact.__file__).parents[1]
    with pytest.MonkeyPatch.context() as patch:
        if sources.name != "site-packages":
            patch.setenv("MYPYPATH", str(sources))
        options = ["--strict", "--config-file=", "--no-pretty", "--cache-dir", str(tmp_path_factory.mktemp("mypy"))]
        output, problems, _ = mypy.api.run([*options, "--scripts-are-modules", *map(str, ACCEPTED + REFUSED)])
    assert not problems
    errors: Report = {}
    for line in output.splitlines():
        if found := _REPORTED.fullmatch(line):
            file = Path(found["file"]).resolve()
            errors.setdefault(file, []).append(Error(int(found["line"]), found["code"], found["message"]))
    return errors


def announced(program: Path) -> list[Error]:
    return [
        Error(number, found["code"], found["message"] or "")
        for number, line in enumerate(program.read_text().splitlines(), 1)
        for found in _ANNOUNCED.finditer(line)
    ]


@pytest.mark.parametrize("program", ACCEPTED, ids=lambda program: program.stem)
def test_a_right_program_type_checks(program: Path, report: Report) -> None:
    assert report.get(program, []) == announced(program) == []


@pytest.mark.parametrize("program", REFUSED, ids=lambda program: program.stem)
def test_a_wrong_program_has_the_errors_that_it_announces_and_no_others(program: Path, report: Report) -> None:
    reported, expected = report.get(program, []), announced(program)
    assert [(error.line, error.code) for error in reported] == [(error.line, error.code) for error in expected]
    for told, part in zip(reported, expected, strict=True):
        assert part.message in told.message


def test_there_are_right_programs_and_wrong_ones_and_nothing_else_has_errors(report: Report) -> None:
    assert ACCEPTED
    assert all(announced(program) for program in REFUSED)
    assert set(report) == set(REFUSED)
