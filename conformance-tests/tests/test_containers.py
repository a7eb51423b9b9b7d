"""A server in a container for a database that the kit has never heard of; and what is left when pytest is killed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "write-an-engine.md"
EXAMPLE = re.compile(r"^### A server in a container\n.*?^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
LAWS = "kill_of_the_server or lost_acknowledgement_is_no_conflict or cannot_be_reached"

STARTS_AND_WAITS = """
import time
from test_mydb import SERVER


def test_that_never_ends():
    SERVER.start()
    print("\\nstarted", SERVER._docker().id, flush=True)
    time.sleep(600)
"""

WITHOUT_THE_EXTRA = """
import sys
sys.modules.update(dict.fromkeys(["docker", "testcontainers", "pymongo"]))
from nact_conformance.law import laws_of
from nact_conformance._trying.running import try_law
from nact_conformance.suite import ConformanceSuite

class OfMemory(ConformanceSuite):
    def url(self):
        return "memory://"

print(try_law(OfMemory(), laws_of(OfMemory)["J-01"]).outcome.name)
import nact_conformance.containers
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the guide's example as a test file."""
    found = EXAMPLE.search(GUIDE.read_text(encoding="utf-8"))
    assert found
    (tmp_path / "test_mydb.py").write_text(found[1], encoding="utf-8")
    (tmp_path / "pytest.ini").touch()
    return tmp_path


@pytest.fixture
def docker_engine() -> None:
    from nact_conformance.containers import require_docker  # noqa: PLC0415 (a test here tells what if it isn't there)

    require_docker()


def pytest_command(*options: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]


LAWS_OF_A_SERVER = """
from nact_conformance.containers import RedisStorage, require_docker
from nact_conformance.suite import ConformanceSuite

require_docker(for_module=True)

class TestServer(ConformanceSuite):
    def storage(self):
        return RedisStorage()
"""


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 2)], ids=["laptop", "CI"])
def test_laws_without_docker_are_skipped_as_a_module_but_in_ci_they_fail(tmp_path: Path, ci: str, status: int) -> None:
    (tmp_path / "test_laws.py").write_text(LAWS_OF_A_SERVER, encoding="utf-8")
    (tmp_path / "test_other.py").write_text("def test_other(): pass", encoding="utf-8")
    (tmp_path / "pytest.ini").touch()
    env = {**os.environ, "CI": ci, "DOCKER_HOST": f"unix://{tmp_path}/nowhere.sock"}
    command = pytest_command("-rs")
    ran = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == status, ran.stdout
    assert "no Docker engine: " in ran.stdout or "CI must have a Docker engine: " in ran.stdout


@pytest.mark.servers
@pytest.mark.usefixtures("docker_engine")
def test_the_guides_server_in_a_container_tries_the_laws_of_faults(folder: Path) -> None:
    command = pytest_command("--conformance-rounds=1", "-k", LAWS, "test_mydb.py")
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert "\n============= 5 passed" in re.sub("=+", "=============", ran.stdout), ran.stdout
    assert "\nserver: Redis server v=" in ran.stdout


@pytest.mark.servers
@pytest.mark.usefixtures("docker_engine")
def test_a_container_goes_when_pytest_is_killed(folder: Path) -> None:
    (folder / "test_waiting.py").write_text(STARTS_AND_WAITS, encoding="utf-8")
    command = pytest_command("-s", "test_waiting.py")
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout
        container = next(line.split()[1] for line in killed.stdout if line.startswith("started "))
        assert exists(container)
        killed.kill()
    give_up = time.monotonic() + 120
    while exists(container):
        assert time.monotonic() < give_up, f"container {container} is still there"
        time.sleep(0.2)


def exists(container: str) -> bool:
    import docker  # noqa: PLC0415 (an extra's)

    client = docker.from_env()
    try:
        return any(each.id == container for each in client.containers.list(all=True, ignore_removed=True))
    finally:
        client.close()


def test_without_the_extra_the_kit_works_and_containers_name_it() -> None:
    command = [sys.executable, "-c", WITHOUT_THE_EXTRA]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert ran.stdout == "HELD\n", ran.stderr
    told = 'ModuleNotFoundError: servers in containers need docker: pip install "nact-conformance[containers]"'
    assert told in ran.stderr  # Python 3.15 goes on with a guess of its own
