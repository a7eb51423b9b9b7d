"""nact's persistence engine for Redis: one server, Sentinel or Cluster."""

from nact_persistence_redis._url import engine_from_url
from nact_persistence_redis.engine import RedisPersistenceEngine

__all__ = ["RedisPersistenceEngine", "engine_from_url"]
