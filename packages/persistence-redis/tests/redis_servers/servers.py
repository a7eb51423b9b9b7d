"""The servers that the tests of one process share, and options for servers of their own."""

from __future__ import annotations

import pytest

from nact_conformance.containers import RedisStorage, image
from redis_servers.cluster import RedisCluster

OLDEST_IMAGE = image("TEST_REDIS_OLD_IMAGE")
NEWEST_IMAGE = image("TEST_REDIS_IMAGE")
VALKEY_IMAGE = image("TEST_VALKEY_IMAGE")

VERSIONS = [pytest.param(OLDEST_IMAGE, marks=pytest.mark.long_matrix), NEWEST_IMAGE]
"""Of clusters, and of pairs with Sentinels, which take long to start."""

# One engine has the patience that every engine has; the laws of a server that can't be reached wait for it to give up.
OLDEST = RedisStorage(OLDEST_IMAGE)
NEWEST = RedisStorage(NEWEST_IMAGE, query="?protocol=3&retry_for=0.5")
VALKEY = RedisStorage(VALKEY_IMAGE, query="?protocol=3&retry_for=0.5", program="valkey-server")
CLUSTER = RedisCluster(OLDEST_IMAGE)

EVERYSEC = ("--appendonly", "yes", "--appendfsync", "everysec")
VOLATILE = ("--appendonly", "no", "--save", "")
