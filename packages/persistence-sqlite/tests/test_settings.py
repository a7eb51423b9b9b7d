from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nact_persistence_sqlite import SqlitePersistenceEngine


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"path": ""}, "path must name a file"),
        ({"path": "a\0b"}, "path must name a file"),
        ({"path": ":memory:"}, "MemoryPersistenceEngine"),
        ({"path": "file:x.db?mode=memory"}, "path must name a file"),
        ({"event_table": ""}, "event_table"),
        ({"event_table": "a\0"}, "event_table"),
        ({"snapshot_table": "sqlite_x"}, "snapshot_table"),
        ({"snapshot_table": "NACT_schema"}, "snapshot_table"),
        ({"event_table": "Same", "snapshot_table": "same"}, "two names"),
        ({"synchronous": "ALWAYS"}, "'ALWAYS'"),
        ({"synchronous": 2}, "synchronous"),
        ({"busy_timeout": -1}, "busy_timeout"),
        ({"busy_timeout": float("nan")}, "busy_timeout"),
        ({"busy_timeout": "5"}, "busy_timeout"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": True}, "page_size"),
    ],
)
def test_an_argument_that_cannot_be_is_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        SqlitePersistenceEngine(**{"path": Path("x.db"), **arguments})


@pytest.mark.parametrize("path", [b"x.db", 7, None])
def test_a_path_is_text(path: Any) -> None:
    with pytest.raises(TypeError):
        SqlitePersistenceEngine(path)
