from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nact_persistence_sqlite import SqlitePersistenceEngine


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"source": ""}, "source must name a file"),
        ({"source": "a\0b"}, "source must name a file"),
        ({"source": ":memory:"}, "MemoryPersistenceEngine"),
        ({"source": "file:x.db?mode=memory"}, "source must name a file"),
        ({"event_table": ""}, "event_table"),
        ({"event_table": "a\0"}, "event_table"),
        ({"snapshot_table": "sqlite_x"}, "snapshot_table"),
        ({"snapshot_table": "NACT_schema"}, "snapshot_table"),
        ({"event_table": "Same", "snapshot_table": "same"}, "two names"),
        ({"prefix": "nact_"}, "'nact_event_journal'"),
        ({"prefix": "a\0"}, "event_table"),
        ({"prefix": "p", "snapshot_table": ""}, "snapshot_table"),
        ({"synchronous": "ALWAYS"}, "'ALWAYS'"),
        ({"synchronous": 2}, "synchronous"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": True}, "page_size"),
    ],
)
def test_an_invalid_argument_is_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        SqlitePersistenceEngine(**{"source": Path("x.db"), **arguments})


@pytest.mark.parametrize("path", [b"x.db", 7, None])
def test_a_path_is_text(path: Any) -> None:
    with pytest.raises(TypeError):
        SqlitePersistenceEngine(path)


def test_a_prefix_is_text() -> None:
    with pytest.raises(TypeError, match="prefix"):
        SqlitePersistenceEngine("x.db", prefix=7)  # type: ignore[arg-type]
