"""Finds out if there is a Docker engine."""

from __future__ import annotations

import gc
import os
import warnings
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
    with warnings.catch_warnings():  # docker leaves the socket of an attempt that failed to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        reason = _reason()
        gc.collect()
    return reason


def _reason() -> str:
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
