"""The conformance kit's laws, on the oldest and the newest server, and with PgBouncer in between, with faults."""

from __future__ import annotations

import pytest
from postgres_servers.back_door import PostgresBackDoor
from postgres_servers.servers import NEWEST, OLDEST, POOLED

from nact.persistence import PersistenceEngine
from nact_conformance.containers import PgBouncerStorage, PostgresStorage, require_docker
from nact_conformance.suite import BackDoor, ConformanceSuite

require_docker(for_module=True)
pytestmark = pytest.mark.usefixtures("containers")


class TestOldestServer(ConformanceSuite):
    """PostgreSQL 15."""

    server: PostgresStorage | PgBouncerStorage = OLDEST

    def storage(self) -> PostgresStorage | PgBouncerStorage:
        return self.server

    def back_door(self) -> BackDoor:
        return PostgresBackDoor(lambda: self.server.direct_url, "laws")

    def round_trips(self, engine: PersistenceEngine) -> int:
        return self.server.proxy.round_trips


class TestNewestServer(TestOldestServer):
    """PostgreSQL 18."""

    server = NEWEST


@pytest.mark.long_matrix
class TestBehindPgBouncer(TestOldestServer):
    """PgBouncer in transaction mode before PostgreSQL 18."""

    server = POOLED
