"""Where the figures come from."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "nact",
    "nact-persistence-mongo",
    "nact-persistence-postgres",
    "nact-persistence-redis",
    "nact-persistence-sqlite",
    "aiosqlite",
    "asyncpg",
    "eventsourcing",
    "hiredis",
    "motor",
    "msgspec",
    "orjson",
    "psycopg",
    "pykka",
    "pymongo",
    "redis",
)
"""Whose versions matter, where they are installed."""


def description() -> dict[str, Any]:
    """The machine, the versions of everything that is measured, and the date."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": _processor(),
            "processors": os.cpu_count(),
            "load": os.getloadavg()[0],
            "system": platform.platform(terse=True),
        },
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "node": _node(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _processor() -> str:
    """As Linux calls it; elsewhere the architecture."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _node() -> str | None:
    if (node := shutil.which("node")) is None:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    return told.stdout.strip() or None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
