"""Finds out if there is a Docker engine."""

from __future__ import annotations

import gc
import os
import warnings
from functools import cache

import docker
import pytest
from docker.errors import DockerException


def require_docker(*, for_module: bool = False) -> None:
    """Returns if containers can be run. If not, the test is skipped; in CI, which would miss it, it fails.

    Args:
        for_module: Called at the top of a module of tests, and skips all of them. A suite of laws that isn't even
            collected leaves the session's exit status alone; one whose laws are skipped one by one has no verdict, and
            the session fails.
    """
    if reason := _missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have a Docker engine: {reason}")
        pytest.skip(f"no Docker engine: {reason}", allow_module_level=for_module)


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
