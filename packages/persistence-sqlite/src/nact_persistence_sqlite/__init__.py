"""nact's embedded persistence engine: a journal in a SQLite file, without a server."""

from nact_persistence_sqlite._url import engine_from_url
from nact_persistence_sqlite.engine import SqlitePersistenceEngine

__all__ = ["SqlitePersistenceEngine", "engine_from_url"]
