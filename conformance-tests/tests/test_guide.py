"""The guide's first engine works as the guide says, with nothing but the guide's text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "write-an-engine.md"
EXAMPLE = re.compile(r"^```python[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


LONG = "long_journal or memory_does_not_grow or without_the_rest or ten_processes or acknowledged_events"


def test_the_guides_engine_of_two_methods_keeps_the_laws(tmp_path: Path) -> None:
    engine, suite, *_ = EXAMPLE.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(suite.splitlines()) < 20
    (tmp_path / "lines.py").write_text(engine)
    (tmp_path / "test_lines.py").write_text(suite)
    (tmp_path / "pytest.ini").touch()
    # Without the longest laws, which it keeps too: it reads its whole file for each event that it writes.
    options = ["-p", "no:cacheprovider", "--conformance-rounds=1", "-k", f"not ({LONG})"]
    command = [sys.executable, "-m", "pytest", *options, "test_lines.py"]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=180, check=False)
    assert " failed" not in ran.stdout, ran.stdout
    assert "\nNOT JUDGED: 8 laws didn't run" in ran.stdout
