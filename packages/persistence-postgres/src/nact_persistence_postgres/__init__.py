"""nact's persistence engine for Postgres: group commit, and journals shared with nact for JavaScript."""

from nact_persistence_postgres._url import engine_from_url
from nact_persistence_postgres.engine import PostgresPersistenceEngine

__all__ = ["PostgresPersistenceEngine", "engine_from_url"]
