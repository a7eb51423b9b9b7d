"""Tries the README. It needs nothing but what a reader of the README has installed.

`python -I tools/readme.py` runs the lesson as it is printed there, and compares its output with the printed one.
`python -I tools/readme.py commands` prints the commands that the README begins with, one a line: `.ci/run` runs them.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def lesson(text: str) -> tuple[str, str]:
    """The program that is followed by a console, and that console."""
    found = re.findall(r"```python[^\n]*\n([^`]*)```[^`]*```console\n([^`]*)```", text)
    if len(found) != 1:
        sys.exit(f"{README.name} has {len(found)} programs with a console below, not one")
    return found[0][0], found[0][1]


def first_commands(text: str) -> list[str]:
    """The lines of the first shell block, without the comments that end them."""
    found = re.search(r"```sh\n([^`]*)```", text)
    lines = re.sub(r"\s+#.*", "", found[1]).splitlines() if found else []
    return lines or sys.exit(f"{README.name} begins without a command")


def commands(console: str) -> list[tuple[str, str]]:
    """What is typed after each `$ `, and what is printed below it."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", console, re.MULTILINE)


def run(command: str, folder: str) -> tuple[int, str, str]:
    """The exit status of a command, what it printed, and what it complained of. `python` is the one that runs this."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path}
    typed = shlex.split(command)
    ran = subprocess.run(typed, check=False, cwd=folder, env=environment, capture_output=True, text=True)
    return ran.returncode, ran.stdout, ran.stderr


def main() -> None:
    """Exits with a message where the README doesn't tell the truth."""
    program, console = lesson(README.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "lesson.py").write_text(program, encoding="utf-8")
        for command, expected in commands(console) or sys.exit(f"{README.name}: nothing is typed below the program"):
            status, printed, complaints = run(command, folder)
            print(f"$ {command}\n{printed}{complaints}", end="")
            if (status, printed, complaints) != (0, expected, ""):
                sys.exit(f"{README.name} promises:\n{expected}")


if __name__ == "__main__":
    if sys.argv[1:] == ["commands"]:
        print(*first_commands(README.read_text(encoding="utf-8")), sep="\n")
    else:
        main()
