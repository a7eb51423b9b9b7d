"""The servers that the tests of one process share, and options for servers of their own."""

from __future__ import annotations

from nact_conformance.containers import RedisStorage, image
from redis_servers.cluster import RedisCluster

OLDEST_IMAGE = image("TEST_REDIS_OLD_IMAGE")
NEWEST_IMAGE = image("TEST_REDIS_IMAGE")
VALKEY_IMAGE = image("TEST_VALKEY_IMAGE")

# The law of the killed server ends when a write fails, and an engine that tries again for long enough lets none fail.
OLDEST = RedisStorage(OLDEST_IMAGE, query="?retry_for=0.2")
NEWEST = RedisStorage(NEWEST_IMAGE, query="?protocol=3&retry_for=0.2")
VALKEY = RedisStorage(VALKEY_IMAGE, query="?protocol=3&retry_for=0.2", program="valkey-server")
CLUSTER = RedisCluster(OLDEST_IMAGE)

EVERYSEC = ("--appendonly", "yes", "--appendfsync", "everysec")
NEVER = ("--appendonly", "yes", "--appendfsync", "no")
VOLATILE = ("--appendonly", "no", "--save", "")
