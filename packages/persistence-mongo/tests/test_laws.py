"""The conformance kit's laws, on a replica set and on a standalone server, with Motor and with PyMongo, with faults."""

from __future__ import annotations

import pytest
from mongo_servers.async_client import EngineOnAsyncClient
from mongo_servers.back_door import MongoBackDoor
from mongo_servers.servers import REPLICA_SET, STANDALONE

from nact.persistence import PersistenceEngine
from nact_conformance.containers import MongoStorage, require_docker
from nact_conformance.suite import BackDoor, ConformanceSuite

require_docker(for_module=True)
pytestmark = pytest.mark.usefixtures("containers")


class TestMotorOnReplicaSet(ConformanceSuite):
    server = REPLICA_SET

    def storage(self) -> MongoStorage:
        return self.server

    def back_door(self) -> BackDoor:
        return MongoBackDoor(self.server, "laws")

    def round_trips(self, engine: PersistenceEngine) -> int:
        return self.server.proxy.round_trips


@pytest.mark.long_matrix
class TestMotorOnStandalone(TestMotorOnReplicaSet):
    server = STANDALONE


# PyMongo's async client, closed while it connects, leaves the socket to the garbage collector, also without an engine.
# L-11 and L-14 count sockets, and so would find those that the engine leaves.
@pytest.mark.filterwarnings("ignore:unclosed (<socket|transport):ResourceWarning")
class TestPyMongoOnReplicaSet(TestMotorOnReplicaSet):
    def engine(self) -> PersistenceEngine:
        return EngineOnAsyncClient(self.server.bare_url, retry_for=3)


@pytest.mark.long_matrix
class TestPyMongoOnStandalone(TestPyMongoOnReplicaSet):
    server = STANDALONE
