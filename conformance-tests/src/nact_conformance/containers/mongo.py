"""MongoDB in containers: a replica set of one member, a server that stands alone, or a replica set of three."""

from __future__ import annotations

import time
from itertools import cycle
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from testcontainers.core.container import DockerContainer

from nact_conformance.containers.container_storage import ContainerStorage, NotReadyError
from nact_conformance.containers.images import image
from nact_conformance.containers.ports import free_port
from nact_conformance.containers.reaper import start_reaper

_PATIENCE = 60.0
_NOT_YET_INITIALIZED = 94
_TEST = ("--setParameter", "enableTestCommands=1")
"""So that the server can be told to fail."""
_READS = ["find", "aggregate", "count", "distinct", "getMore"]
_REFUSALS = (13, 11601)
"""Unauthorized, as when a user's rights are changed; Interrupted, as by `killOp`."""


class MongoStorage(ContainerStorage):
    """A MongoDB server.

    Args:
        image_name: What to run; if not given, the server that is supported.
        replica_set: Whether it is a replica set of one member, which listens on the same port inside and outside, so
            that its name holds for both; or stands alone.
        query: Of the URL for engines, after `directConnection=true`.
    """

    def __init__(self, image_name: str | None = None, *, replica_set: bool, query: str = "") -> None:
        options = ["--replSet", "rs0"] if replica_set else []
        super().__init__(
            image_name or image("TEST_MONGO_IMAGE"),
            port=None,
            url="mongodb://127.0.0.1:{port}/laws?directConnection=true" + query,
            command=[
                "mongod",
                "--bind_ip_all",
                "--port",
                "{port}",
                "--wiredTigerCacheSizeGB",
                "0.25",
                *_TEST,
                *options,
            ],
            ready=self._version,
        )
        self._is_replica_set = replica_set
        self._refusals = cycle(_REFUSALS)

    @property
    def bare_url(self) -> str:
        """Through the proxy, without the engine's options."""
        return self.url.partition("&")[0]

    @property
    def direct_url(self) -> str:
        """Past the proxy."""
        return f"mongodb://127.0.0.1:{self.port}/laws?directConnection=true"

    def client(self) -> MongoClient[dict[str, Any]]:
        """A client that goes straight to the server, past the proxy."""
        return client_of(self.port)

    def refuse_reads(self) -> None:
        """Reads fail: with Unauthorized and with Interrupted, by turns."""
        self._fail("alwaysOn", {"failCommands": _READS, "errorCode": next(self._refusals)})

    def allow_reads(self) -> None:
        """Ends `refuse_reads`."""
        self._fail("off", {"failCommands": []})

    def _fail(self, mode: str, data: dict[str, object]) -> None:
        with self.client() as client:
            client.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)

    def _version(self) -> str:
        try:
            with self.client() as client:
                if not client.admin.command("hello")["isWritablePrimary"]:
                    if self._is_replica_set:
                        _initiate([self.port])
                    raise NotReadyError("it takes no writes")
                kind = "replica set" if self._is_replica_set else "standalone"
                return f"MongoDB {client.server_info()['version']}, {kind}"
        except PyMongoError as error:
            raise NotReadyError(str(error)) from error


class MongoReplicaSet:
    """Three members, in containers on the host's own network, so that they find one another.

    An election takes about two seconds.
    """

    def __init__(self, image_name: str | None = None) -> None:
        self._image = image_name or image("TEST_MONGO_IMAGE")
        self._members: dict[int, DockerContainer] = {}

    @property
    def url(self) -> str:
        """All members; without a proxy, since members tell clients where they are."""
        return f"mongodb://{','.join(f'127.0.0.1:{port}' for port in self._members)}/laws?replicaSet=rs0"

    def start(self) -> None:
        """Returns when there is a primary."""
        start_reaper()
        for _ in range(3):
            port = free_port()
            command = f"mongod --replSet rs0 --port {port} --wiredTigerCacheSizeGB 0.25"
            member = DockerContainer(self._image).with_command(command).with_kwargs(network_mode="host")
            self._members[port] = member.start()
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                _initiate(list(self._members), electionTimeoutMillis=2000, heartbeatIntervalMillis=500)
                break
            except PyMongoError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.1)
        self.primary()

    def stop(self) -> None:
        """Removes the members."""
        while self._members:
            self._members.popitem()[1].stop()

    def primary(self) -> int:
        """The primary's port, as soon as there is one."""
        give_up = time.monotonic() + _PATIENCE
        while time.monotonic() < give_up:
            for port in self._members:
                if _is_primary(port):
                    return port
            time.sleep(0.05)
        raise RuntimeError(f"no member of {list(self._members)} takes writes")

    def kill(self, port: int) -> None:
        """Ends a member with SIGKILL."""
        container = self._members[port].get_wrapped_container()
        container.kill()
        container.wait()

    def restart(self, port: int) -> None:
        """Starts a member that was killed."""
        self._members[port].get_wrapped_container().start()


def client_of(port: int) -> MongoClient[dict[str, Any]]:
    """A client for one server."""
    return MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=2000, socketTimeoutMS=5000)


def _is_primary(port: int) -> bool:
    try:
        with client_of(port) as client:
            return bool(client.admin.command("hello")["isWritablePrimary"])
    except PyMongoError:
        return False


def _initiate(ports: list[int], **settings: object) -> None:
    """Makes a replica set of the servers, unless they are one."""
    members = [{"_id": place, "host": f"127.0.0.1:{port}"} for place, port in enumerate(ports)]
    with client_of(ports[0]) as client:
        try:
            client.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code != _NOT_YET_INITIALIZED:
                raise
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members, "settings": settings})
