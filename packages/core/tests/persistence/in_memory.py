"""Records for tests of the in-memory engine."""

from typing import Any

from nact.persistence import PersistedEvent, PersistedSnapshot


def event(number: int, data: Any = None, *, key: str = "k", tags: Any = (), metadata: Any = None) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=data, tags=tags, metadata=metadata or {})


def snapshot(number: int, data: Any = None, key: str = "k", metadata: Any = None) -> PersistedSnapshot:
    return PersistedSnapshot(key=key, sequence_number=number, data=data, metadata=metadata or {})
