"""A persistence engine on one append-only file."""

from nact_persistence_log.engine import LogPersistenceEngine, engine_from_url

__all__ = ["LogPersistenceEngine", "engine_from_url"]
