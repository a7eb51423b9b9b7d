"""The README's lesson is run as it is printed."""

from pathlib import Path

import pytest
from tools import readme

PROGRAM = 'import sys\nprint("Hello", *sys.argv[1:])\n'
TRUE = "$ python lesson.py you\nHello you\n$ python lesson.py 'all of you'\nHello all of you\n"


def readme_with(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, console: str) -> None:
    place = folder / "README.md"
    place.write_text(f"# It\n\n```python\n{program}```\n\nThen:\n\n```console\n{console}```\n\n```sh\nnox\n```\n")
    monkeypatch.setattr(readme, "README", place)


def test_what_is_typed_prints_what_is_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme_with(tmp_path, monkeypatch, PROGRAM, TRUE)
    readme.main()


@pytest.mark.parametrize(
    ("program", "console", "told"),
    [
        (PROGRAM, "$ python lesson.py you\nHello me\n", "README.md promises:\nHello me\n"),
        (PROGRAM, TRUE.replace("Hello all of you\n", ""), "README.md promises:\n"),
        (PROGRAM + "sys.exit(1)\n", TRUE, "README.md promises:\nHello you\n"),
        (PROGRAM + "print('!', file=sys.stderr)\n", TRUE, "README.md promises:\nHello you\n"),
        (PROGRAM, "nothing\n", "README.md: nothing is typed below the program"),
        (
            PROGRAM,
            f"{TRUE}```\n\n```python\n```\n```console\n",
            "README.md has 2 programs with a console below, not one",
        ),
    ],
    ids=["another output", "no output", "a failure", "a complaint", "no command", "two programs"],
)
def test_a_readme_that_promises_something_else_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, console: str, told: str
) -> None:
    readme_with(tmp_path, monkeypatch, program, console)
    with pytest.raises(SystemExit) as caught:
        readme.main()
    assert caught.value.code == told


def test_the_first_commands_come_without_comments() -> None:
    text = "# It\n\n```sh\nsee it    # see\ncheck it && run   # all\n```\n\n```sh\nothers\n```\n"
    assert readme.first_commands(text) == ["see it", "check it && run"]


def test_a_readme_without_commands_fails() -> None:
    with pytest.raises(SystemExit, match="begins without a command"):
        readme.first_commands("# It\n\n```python\nprint()\n```\n")
