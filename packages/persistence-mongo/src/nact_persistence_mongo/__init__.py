"""nact's persistence engine for MongoDB."""

from nact_persistence_mongo._url import engine_from_url
from nact_persistence_mongo.engine import MongoPersistenceEngine

__all__ = ["MongoPersistenceEngine", "engine_from_url"]
