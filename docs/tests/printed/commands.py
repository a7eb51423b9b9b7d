"""Checks commands that aren't run: what they name has to exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from printed.blocks import ROOT, Block

OTHERS_PACKAGES = {"nox", "uv"}

OTHERS_COMMANDS = {
    "curl": "needs the example's server, which has tests of its own",
    "docker": "needs Docker",
    "git": "changes a repository",
    "gh": "needs GitHub",
    "mongodump": "needs MongoDB",
    "mongorestore": "needs MongoDB",
    "mongosh": "needs MongoDB",
    "pg_dump": "needs Postgres",
    "pg_restore": "needs Postgres",
    "psql": "needs Postgres",
    "redis-cli": "needs Redis",
    "ruff": "changes files",
    "cp": "copies what a page's reader has",
    "sqlite3": "its SQL is run by test_commands.py, its dot commands aren't",
}


def commands_of(block: Block) -> Iterator[list[str]]:
    """The block's commands, split into words, without comments."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in shlex.split(line, comments=True):
            if word in {"&&", "|", ";"}:
                yield words
                words = []
            else:
                words.append(word)
        if words:
            yield words


def check(words: list[str]) -> None:
    """Returns if everything that the command names exists."""
    match [word.removeprefix(".venv/bin/") for word in words if "=" not in word or word.startswith("-")]:
        case ["pip", "install", *what] | ["python3" | "python", "-m", "pip", "install", *what]:
            for each in what:
                _check_installable(each)
        case ["nox", *rest] | ["uvx", "nox", *rest]:
            for session in re.findall(r"-s (\S+)", " ".join(rest)):
                _check_session(session)
        case ["python3" | "python", "-m", module, *_]:
            assert importlib.util.find_spec(module), f"no module {module}"
        case ["pytest", *rest]:
            _check_options(rest)
        case [path, *_] if (ROOT / path).is_file():
            pass
        case [command, *_]:
            assert command in OTHERS_COMMANDS, f"can't check {command!r}: teach printed/commands.py, or mark the block"
        case _:
            pass


def distributions() -> dict[str, set[str]]:
    """Our packages by name, each with its extras."""
    found: dict[str, set[str]] = {}
    for pattern in ("packages/*", "conformance-tests", "examples/*"):
        for file in ROOT.glob(f"{pattern}/pyproject.toml"):
            project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
            found[canonicalize_name(project["name"])] = set(project.get("optional-dependencies", {}))
    return found


def _check_installable(argument: str) -> None:
    if argument.startswith("-"):
        return
    path, _, extras = argument.rstrip("]").partition("[")
    if (ROOT / path / "pyproject.toml").is_file() and "/" in path:
        name = tomllib.loads((ROOT / path / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
        argument = f"{name}[{extras}]"
    required = Requirement(argument)
    ours = distributions()
    name = canonicalize_name(required.name)
    if name in OTHERS_PACKAGES:
        return
    assert name in ours, f"no package {name}"
    assert required.extras <= ours[name], f"{name} has no extra {', '.join(required.extras - ours[name])}"


def _check_session(session: str) -> None:
    name = re.sub(r"-[\d.]+$", "", session)
    files = [ROOT / "noxfile.py", *(ROOT / "tools").glob("*.py")]
    found = any(f"\ndef {name}(session" in file.read_text(encoding="utf-8") for file in files)
    assert found, f"no session {session}"


def _check_options(arguments: list[str]) -> None:
    plugin = (ROOT / "conformance-tests/src/nact_conformance/plugin.py").read_text(encoding="utf-8")
    for argument in arguments:
        option = argument.partition("=")[0]
        if option.startswith(("--conformance", "--engine")):
            assert f'"{option}"' in plugin, f"the kit has no option {option}"
