"""The conformance kit's laws, on the oldest and the newest server, with faults."""

from __future__ import annotations

import pytest
from redis_servers.back_door import RedisBackDoor
from redis_servers.servers import NEWEST, OLDEST

from nact.persistence import PersistenceEngine
from nact_conformance.containers import RedisStorage
from nact_conformance.suite import BackDoor, ConformanceSuite, Requirements

pytestmark = pytest.mark.usefixtures("containers")


class TestOldestServer(ConformanceSuite):
    """Redis 7.0, RESP2."""

    requirements = Requirements(cannot_keep={"M-06": "no release ever kept more than one tombstone for a key"})
    server = OLDEST

    def storage(self) -> RedisStorage:
        return self.server

    def back_door(self) -> BackDoor:
        return RedisBackDoor(self.server.direct_url)

    def round_trips(self, engine: PersistenceEngine) -> int:
        return self.server.proxy.round_trips


class TestNewestServer(TestOldestServer):
    """Redis 8, RESP3."""

    server = NEWEST
