"""The conformance kit's laws, on the oldest and the newest server, with faults."""

from __future__ import annotations

import pytest
from postgres_servers.back_door import PostgresBackDoor
from postgres_servers.servers import NEWEST, OLDEST

from nact.persistence import PersistenceEngine
from nact_conformance.containers import PostgresStorage
from nact_conformance.suite import BackDoor, ConformanceSuite

pytestmark = pytest.mark.usefixtures("containers")


class TestOldestServer(ConformanceSuite):
    """PostgreSQL 15."""

    server = OLDEST

    def storage(self) -> PostgresStorage:
        return self.server

    def back_door(self) -> BackDoor:
        return PostgresBackDoor(lambda: self.server.direct_url, "laws")

    def round_trips(self, engine: PersistenceEngine) -> int:
        return self.server.proxy.round_trips


class TestNewestServer(TestOldestServer):
    """PostgreSQL 17."""

    server = NEWEST
