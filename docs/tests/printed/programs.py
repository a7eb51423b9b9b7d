"""Runs a page's programs in a folder of their own, as the page's transcripts say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from printed.blocks import Block


def saved(blocks: list[Block], folder: Path) -> dict[str, Block]:
    """The page's Python files, saved under their titles."""
    programs = {block.title: block for block in blocks if block.language == "python" and block.title}
    for title, block in programs.items():
        (folder / title).write_text(block.text, encoding="utf-8")
    return programs


def told(block: Block) -> list[tuple[str, str]]:
    """The commands of a transcript, each with the output that is printed below it."""
    parts = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)
    if parts[0] or len(parts) < 3:
        raise ValueError(f"{block.place}: a transcript begins with a command, as in `$ python hello.py`")
    return list(zip(parts[1::2], parts[2::2], strict=True))


def is_python(command: str) -> bool:
    """Whether it runs a program that the page has."""
    return command.startswith("python ")


def output_of(command: str, folder: Path) -> str:
    """What the command prints, on both streams, in order. It may not warn nor fail."""
    arguments = [sys.executable, "-u", "-W", "error", *shlex.split(command)[1:]]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        arguments, cwd=folder, env=env, text=True, timeout=60, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert ran.returncode == 0, f"{command} failed:\n{ran.stdout}"
    return ran.stdout


def agrees(printed: str, output: str) -> bool:
    """Whether the page shows this output. `...` in the page stands for anything."""
    pattern = ".*".join(map(re.escape, printed.rstrip("\n").split("...")))
    return re.fullmatch(pattern, output.rstrip("\n"), re.DOTALL) is not None
