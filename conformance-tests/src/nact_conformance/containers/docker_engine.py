"""Finds out if there is a Docker engine."""

from __future__ import annotations

import os
from functools import cache

import docker
import pytest
from docker.errors import DockerException


def require_docker() -> None:
    """Returns if containers can be run. If not, the test is skipped; in CI, which would miss it, it fails."""
    if reason := _missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have a Docker engine: {reason}")
        pytest.skip(f"no Docker engine: {reason}")


@cache
def _missing() -> str:
    try:
        client = docker.from_env()
    except DockerException as error:
        return str(error)
    try:
        client.ping()
    except DockerException as error:
        return str(error)
    finally:
        client.close()
    return ""
