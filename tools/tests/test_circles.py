"""A circle of imports is found, whatever kind of import closes it, and told step by step."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools import circles

FOR_TYPING = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ours.a import A\n"
IN_A_FUNCTION = "def late():\n    import ours.a\n"


class Source:
    """A folder with a package `ours` in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("__init__.py", "")

    def write(self, name: str, text: str) -> None:
        file = self.root / "ours" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def flaws(self, units: tuple[str, ...] = (), allowed: tuple[str, ...] = ()) -> list[str]:
        return list(circles.flaws([self.root], units, allowed))


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


@pytest.mark.parametrize(
    "back",
    [
        "import ours.a\n",
        "from ours import a\n",
        "from ours.a import A\n",
        "from .a import A\n",
        "from . import a\n",
        FOR_TYPING,
        IN_A_FUNCTION,
    ],
)
def test_every_kind_of_import_closes_a_circle(source: Source, back: str) -> None:
    source.write("a.py", "from ours.b import B\n")
    source.write("b.py", back)
    (flaw,) = source.flaws()
    assert "ours.a imports itself in 2 steps" in flaw


def test_a_circle_is_told_by_the_lines_that_close_it(source: Source) -> None:
    source.write("a.py", '"""A."""\n\nfrom ours.b import B\n')
    source.write("b.py", "from ours.c import C\n")
    source.write("c.py", "import sys\nfrom ours.a import A\n")
    (flaw,) = source.flaws()
    first, *steps = flaw.splitlines()
    assert first == "ours.a imports itself in 3 steps:"
    assert [step.split() for step in steps] == [
        ["ours.a", "imports", "ours.b", f"{source.root}/ours/a.py:3"],
        ["ours.b", "imports", "ours.c", f"{source.root}/ours/b.py:1"],
        ["ours.c", "imports", "ours.a", f"{source.root}/ours/c.py:2"],
    ]


def test_imports_in_one_direction_are_no_circle(source: Source) -> None:
    source.write("__init__.py", "from ours.a import A as A\n")
    source.write("a.py", "from ours.b import B\nfrom ours.c import C\n")
    source.write("b.py", "from ours.c import C\nimport asyncio\n")
    source.write("c.py", "from dataclasses import dataclass\n")
    assert source.flaws() == []


def test_a_module_that_imports_its_package_is_in_a_circle(source: Source) -> None:
    source.write("__init__.py", "from ours.a import A as A\n")
    source.write("a.py", "from ours import A\n")
    (flaw,) = source.flaws()
    assert flaw.startswith("ours imports itself in 2 steps:")


def test_a_unit_may_have_a_circle_inside(source: Source) -> None:
    source.write("one/__init__.py", "")
    source.write("one/a.py", "from ours.one.b import B\n")
    source.write("one/b.py", "from ours.one.a import A\n")
    assert source.flaws()
    assert source.flaws(units=("ours.one",)) == []


def test_a_unit_is_in_a_circle_with_what_it_imports(source: Source) -> None:
    source.write("one/__init__.py", "")
    source.write("one/a.py", "import ours.other\n")
    source.write("one/b.py", "")
    source.write("other.py", "from ours.one import b\n")
    assert source.flaws() == []
    (flaw,) = source.flaws(units=("ours.one",))
    assert "ours.one imports itself in 2 steps" in flaw


def test_circles_are_allowed_by_module_or_package(source: Source) -> None:
    source.write("a.py", "import ours.b\n")
    source.write("b.py", "import ours.a\n")
    assert source.flaws(allowed=("ours.a", "ours.b")) == []
    assert source.flaws(allowed=("ours",)) == []
    assert source.flaws(allowed=("ours.a",))


def test_what_the_settings_list_in_vain_is_a_flaw(source: Source) -> None:
    source.write("a.py", "")
    assert source.flaws(units=("ours.one",), allowed=("ours.a",)) == [
        "pyproject.toml: [tool.circles] allows ours.a, which has no circle: take it out",
        "pyproject.toml: [tool.circles] has the unit ours.one, which isn't there",
    ]


def test_the_settings_are_read_and_a_circle_ends_the_program(tmp_path: Path) -> None:
    source = Source(tmp_path / "packages" / "core" / "src")
    source.write("a.py", "import ours.b\n")
    source.write("b.py", "import ours.a\n")
    settings = tmp_path / "pyproject.toml"
    settings.write_text('[tool.circles]\nallowed = ["ours"]\n')
    circles.main(tmp_path)
    settings.write_text("[tool.other]\n")
    with pytest.raises(SystemExit, match=r"ours\.a imports itself"):
        circles.main(tmp_path)
