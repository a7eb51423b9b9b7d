"""The README's address book."""

import subprocess
import sys
from pathlib import Path


def added(folder: Path, name: str, email: str) -> str:
    command = [sys.executable, "-W", "error", "-m", "contacts.lesson", name, email]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    assert not ran.stderr
    return ran.stdout


def test_it_remembers_from_run_to_run(tmp_path: Path) -> None:
    assert added(tmp_path, "Ada", "ada@example.com") == "{'Ada': 'ada@example.com'}\n"
    assert added(tmp_path, "Grace", "grace@example.com") == "{'Ada': 'ada@example.com', 'Grace': 'grace@example.com'}\n"
