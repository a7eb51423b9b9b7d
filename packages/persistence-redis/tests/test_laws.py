"""The conformance kit, with its faults, on every kind of server that is supported."""

from __future__ import annotations

from typing import ClassVar

import pytest
from redis_servers.back_door import RedisBackDoor
from redis_servers.cluster import RedisCluster
from redis_servers.servers import CLUSTER, NEWEST, OLDEST, VALKEY

from nact.persistence import PersistenceEngine
from nact_conformance.containers import RedisStorage, require_docker
from nact_conformance.suite import BackDoor, ConformanceSuite

require_docker(for_module=True)
pytestmark = pytest.mark.usefixtures("containers")


class TestOldestServer(ConformanceSuite):
    """Redis 7.0, RESP2."""

    server: ClassVar[RedisStorage | RedisCluster] = OLDEST

    def storage(self) -> RedisStorage | RedisCluster:
        return self.server

    def back_door(self) -> BackDoor:
        return RedisBackDoor(self.server.bare_url)

    def round_trips(self, engine: PersistenceEngine) -> int:
        return self.server.proxy.round_trips


class TestNewestServer(TestOldestServer):
    """Redis 8, RESP3."""

    server = NEWEST


@pytest.mark.long_matrix
class TestValkey(TestOldestServer):
    """Valkey 9, RESP3."""

    server = VALKEY


class TestCluster(TestOldestServer):
    """Three nodes, each key in a slot of its own. They die, freeze and lose their network together: a cluster whose
    nodes differ is what `test_cluster` has."""

    server = CLUSTER
