"""The README's address book: as this example has it, and as it is printed there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import contacts.lesson

README = Path(__file__).parents[3] / "README.md"


def printed_program() -> str:
    (program,) = re.findall(r"```python[^\n]*\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return str(program)


PROGRAMS = {"example": Path(contacts.lesson.__file__).read_text(encoding="utf-8"), "README": printed_program()}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_it_remembers_from_run_to_run(tmp_path: Path, program: str) -> None:
    script = tmp_path / "lesson.py"
    script.write_text(program, encoding="utf-8")

    def added(name: str, email: str) -> str:
        command = [sys.executable, "-W", "error", str(script), name, email]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        assert not ran.stderr
        return ran.stdout

    assert added("Ada", "ada@example.com") == "{'Ada': 'ada@example.com'}\n"
    assert added("Grace", "grace@example.com") == "{'Ada': 'ada@example.com', 'Grace': 'grace@example.com'}\n"
