"""Folders outside the project."""

from __future__ import annotations

import os
from pathlib import Path


def cache() -> Path:
    """Where what is measured writes to disk, and what comes from npm stays: `NACT_BENCHMARKS`, or the user's cache.

    It should be on the disk that is of interest, and not in memory, as `/tmp` is on many machines.
    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("NACT_BENCHMARKS") or Path(base, "nact-benchmarks"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()
