"""The short form of the storms: a round of seconds in each place. `nox -s storms` has the long one."""

from __future__ import annotations

import pytest
from storms.campaign import run
from storms.nemesis import SHORT

from nact_conformance.containers import require_docker

SEED = 12


def violations(place: str) -> list[str]:
    """What is wrong after a round; what happened is in the test's output."""
    return run(place, rounds=1, seed=SEED, strength=SHORT, say=print).violations


@pytest.mark.crash
def test_processes_that_share_a_file_lose_nothing() -> None:
    assert violations("sqlite") == []


@pytest.mark.servers
@pytest.mark.parametrize("place", ["mongo", "postgres", "redis"])
def test_processes_that_share_a_server_lose_nothing(place: str) -> None:
    require_docker()
    assert violations(place) == []


@pytest.mark.servers
def test_a_standby_that_takes_over_has_what_was_acknowledged() -> None:
    require_docker()
    assert violations("pair") == []
