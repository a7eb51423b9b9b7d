"""Looks into an engine that is open."""

from __future__ import annotations

from nact_persistence_sqlite import SqlitePersistenceEngine
from nact_persistence_sqlite._session import Session


def session_of(engine: SqlitePersistenceEngine) -> Session:
    session = engine._life._session
    assert session is not None
    return session
