"""Removes this process's containers when it ends, however it ends: used where Ryuk is switched off."""

from __future__ import annotations

import atexit
import subprocess
import sys
from functools import cache

from testcontainers.core.config import testcontainers_config
from testcontainers.core.labels import LABEL_SESSION_ID, SESSION_ID

_REAPER = """
import docker, sys
sys.stdin.read()
client = docker.from_env()
for container in client.containers.list(all=True, filters={"label": sys.argv[1]}, ignore_removed=True):
    try:
        container.remove(force=True, v=True)
    except docker.errors.APIError:
        pass
"""


@cache
def start_reaper() -> None:
    """Starts a process that does so when its standard input closes. Signals to this process group don't reach it."""
    if testcontainers_config.ryuk_disabled:
        command = [sys.executable, "-c", _REAPER, f"{LABEL_SESSION_ID}={SESSION_ID}"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        atexit.register(child.communicate, timeout=60)
