"""nact for JavaScript, as a subject: runs a script of `node/` on Node, with packages from npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks import places
from benchmarks.model import NotHereError

SCRIPTS = Path(__file__).parent / "node"
NACT = "nact@7.6.2"
_LONGEST = 600


def figure(script: str, case: str, n: int, *arguments: str, packages: Sequence[str] = ()) -> float:
    """What `node/SCRIPT CASE N ARGUMENTS` prints as `{"figure": ...}`. It warms up by itself.

    Raises:
        NotHereError: Node, npm or a package isn't here.
    """
    node = _program("node")
    environment = {**os.environ, "NODE_PATH": str(_installed(NACT, *packages) / "node_modules")}
    done = subprocess.run(  # noqa: S603
        [node, "--expose-gc", str(SCRIPTS / script), case, str(n), *arguments],
        env=environment, capture_output=True, text=True, check=False, timeout=_LONGEST,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{script} {case} failed: {done.stderr.strip()}")
    return float(json.loads(done.stdout)["figure"])


def _installed(*packages: str) -> Path:
    """The folder that these npm packages are in, installed there if they weren't."""
    folder = places.cache() / "-".join(["npm", *packages]).replace("/", "_")
    if not (folder / "node_modules").is_dir():
        folder.mkdir(exist_ok=True)
        command = [_program("npm"), "install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages]
        if subprocess.run(command, capture_output=True, check=False, timeout=_LONGEST).returncode:  # noqa: S603
            shutil.rmtree(folder)
            raise NotHereError(f"npm can't install {' '.join(packages)}")
    return folder


def _program(name: str) -> str:
    if (path := shutil.which(name)) is None:
        raise NotHereError(f"there is no {name}")
    return path
