"""The conformance kit's laws, on the oldest and the newest server, with faults."""

from __future__ import annotations

import pytest
from redis_servers.back_door import RedisBackDoor
from redis_servers.containers import DURABLE, NEWEST, OLDEST, RedisServer

from nact.persistence import PersistenceEngine
from nact_conformance.suite import BackDoor, ConformanceSuite, Requirements

pytestmark = pytest.mark.usefixtures("containers")

# The law of the killed server ends when a write fails, and an engine that tries again for long enough lets none fail.
OLDEST_SERVER = RedisServer(OLDEST, *DURABLE, url="redis://127.0.0.1:{port}/0?retry_for=0.2")
NEWEST_SERVER = RedisServer(NEWEST, *DURABLE, url="redis://127.0.0.1:{port}/0?protocol=3&retry_for=0.2")


class TestOldestServer(ConformanceSuite):
    """Redis 7.0, RESP2."""

    requirements = Requirements(cannot_keep={"M-06": "no release ever kept more than one tombstone for a key"})
    server = OLDEST_SERVER

    def storage(self) -> RedisServer:
        return self.server

    def back_door(self) -> BackDoor:
        return RedisBackDoor(f"redis://127.0.0.1:{self.server.port}/0")

    def round_trips(self, engine: PersistenceEngine) -> int:
        return self.server.proxy.round_trips


class TestNewestServer(TestOldestServer):
    """Redis 8, RESP3."""

    server = NEWEST_SERVER
