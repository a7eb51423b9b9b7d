"""Programs do what the page says, and print what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from printed import programs
from printed.blocks import all_pages, blocks_of

PAGES = [page for page in all_pages() if any(block.title and not block.not_run for block in blocks_of(page))]


@pytest.mark.parametrize("page", PAGES)
def test_a_pages_programs_print_what_it_shows(page: str, tmp_path: Path) -> None:
    blocks = [block for block in blocks_of(page) if not block.not_run]
    unused = programs.saved(blocks, tmp_path)
    for block in blocks:
        for command, printed in programs.told(block) if block.language == "console" else ():
            assert programs.is_python(command), (
                f"{block.place}: {command!r} can't be run; use sh where nothing is shown"
            )
            output = programs.output_of(command, tmp_path)
            assert programs.agrees(printed, output), f"{block.place}: {command}\nprinted:\n{printed}\nis:\n{output}"
            unused = {title: program for title, program in unused.items() if title not in command}
    for title, program in unused.items():
        assert not programs.output_of(f"python {title}", tmp_path), f"{program.place}: show what it prints"
