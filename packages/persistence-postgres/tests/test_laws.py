"""The conformance kit's laws, on the oldest and the newest server, with faults."""

from __future__ import annotations

import pytest
from postgres_servers.back_door import PostgresBackDoor
from postgres_servers.containers import NEWEST, OLDEST, PostgresServer

from nact.persistence import PersistenceEngine
from nact_conformance.suite import BackDoor, ConformanceSuite

pytestmark = pytest.mark.usefixtures("containers")

# The law of the killed server ends when a write fails, and an engine that waits for long enough lets none fail.
OPTIONS = "?schema=laws&reconnect_timeout=0.2"
OLDEST_SERVER = PostgresServer(OLDEST, OPTIONS)
NEWEST_SERVER = PostgresServer(NEWEST, OPTIONS)


class TestOldestServer(ConformanceSuite):
    """PostgreSQL 15."""

    server = OLDEST_SERVER

    def storage(self) -> PostgresServer:
        return self.server

    def back_door(self) -> BackDoor:
        return PostgresBackDoor(lambda: self.server.direct_url, "laws")

    def round_trips(self, engine: PersistenceEngine) -> int:
        return self.server.proxy.round_trips


class TestNewestServer(TestOldestServer):
    """PostgreSQL 17."""

    server = NEWEST_SERVER
