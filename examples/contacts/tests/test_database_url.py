"""The programs, as processes: `DATABASE_URL` alone decides where the contacts are, and they survive SIGKILL there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from contacts.demo.__main__ import main
from nact_conformance.containers.ports import free_port

GRACE = {"name": "Grace Hopper", "email": "grace@example.com", "phone": None}


@contextmanager
def service(url: str) -> Iterator[httpx2.Client]:
    """The service over HTTP, which is killed in the end."""
    port = free_port()
    command = [sys.executable, "-m", "contacts.http", "--port", str(port)]
    environment = {**os.environ, "DATABASE_URL": url}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            heard = ""
            while "running on" not in heard:
                line = process.stderr.readline()
                assert line, heard
                heard += line
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                yield client
        finally:
            process.kill()


def test_contacts_over_http_survive_the_kill_of_the_service(durable_url: str) -> None:
    with service(durable_url) as client:
        answer = client.post("/api/ada/contacts", json=GRACE)
        assert answer.status_code == 201
    with service(durable_url) as client:
        assert client.get("/api/ada/contacts").json() == [answer.json()]


def test_the_demo_loses_nothing(durable_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--journal", durable_url, "--seconds", "0.5", "--users", "3"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"Nothing acknowledged was lost: all \d+ contacts are there", told)
