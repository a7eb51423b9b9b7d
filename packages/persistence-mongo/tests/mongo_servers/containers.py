"""A MongoDB server in a container, behind a proxy: what the conformance kit calls a `ServerStorage`."""

from __future__ import annotations

import os
import random
import socket
import time
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from testcontainers.core.container import DockerContainer

from nact_conformance.proxy import TcpProxy

IMAGE = os.environ.get("TEST_MONGO_IMAGE", "mongo:7")

_PATIENCE = 60.0


class MongoServer:
    """A server on a port of its own, which it keeps when it is killed and started again.

    Args:
        replica_set: Whether it is a replica set of one member, or stands alone.
        url: How engines reach it; `{port}` is the proxy's.
    """

    def __init__(
        self,
        *,
        replica_set: bool,
        url: str = "mongodb://127.0.0.1:{port}/laws?directConnection=true&timeout=1",
    ) -> None:
        self.version = IMAGE
        self.port = 0
        self._replica_set = replica_set
        self._url = url
        self._container: DockerContainer | None = None
        self._proxy = TcpProxy("127.0.0.1", 0)

    @property
    def url(self) -> str:
        return self._url.replace("{port}", str(self._proxy.port))

    @property
    def proxy(self) -> TcpProxy:
        return self._proxy

    def client(self) -> MongoClient[dict[str, Any]]:
        """A client that goes straight to the server, past the proxy."""
        return client_of(self.port)

    def start(self) -> None:
        if self._container is None:
            self.port = free_port()
            self._container = container(self.port, "--replSet rs0" if self._replica_set else "").start()
            if self._replica_set:
                initiate([self.port])
            self._proxy.retarget("127.0.0.1", self.port)
            self._proxy.start()
        else:
            self._container.get_wrapped_container().start()
        await_primary(self.port)
        with self.client() as client:
            kind = "replica set" if self._replica_set else "standalone"
            self.version = f"MongoDB {client.server_info()['version']}, {kind}"

    def stop(self) -> None:
        self._proxy.stop()
        if self._container is not None:
            self._container.stop()
            self._container = None

    def kill(self) -> None:
        container = self._docker()
        container.reload()
        if container.status == "running":
            container.kill()
            container.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def pause(self) -> None:
        self._docker().pause()

    def resume(self) -> None:
        container = self._docker()
        container.reload()
        if container.status == "paused":
            container.unpause()

    def cut_off(self) -> None:
        self._proxy.cut()

    def reconnect(self) -> None:
        self._proxy.mend()

    def _docker(self) -> Any:
        assert self._container is not None, "the server wasn't started"
        return self._container.get_wrapped_container()


def container(port: int, options: str) -> DockerContainer:
    """A server that listens on the same port inside and outside, so that its name in a replica set holds for both."""
    command = f"mongod --bind_ip_all --port {port} --wiredTigerCacheSizeGB 0.25 {options}"
    return DockerContainer(IMAGE).with_command(command).with_bind_ports(port, port)


def client_of(port: int) -> MongoClient[dict[str, Any]]:
    return MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=2000, socketTimeoutMS=5000)


def initiate(ports: list[int], host: str = "127.0.0.1", **settings: object) -> None:
    """Makes a replica set of the servers."""
    members = [{"_id": place, "host": f"{host}:{port}"} for place, port in enumerate(ports)]
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            with client_of(ports[0]) as client:
                client.admin.command("replSetInitiate", {"_id": "rs0", "members": members, "settings": settings})
                return
        except PyMongoError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)


def await_primary(*ports: int) -> int:
    """The port of the server that takes writes, when there is one."""
    give_up = time.monotonic() + _PATIENCE
    while True:
        for port in ports:
            try:
                with client_of(port) as client:
                    if client.admin.command("hello")["isWritablePrimary"]:
                        return port
            except PyMongoError as error:
                if time.monotonic() > give_up:
                    raise AssertionError(f"no server of {ports} takes writes") from error
        assert time.monotonic() < give_up, f"no server of {ports} takes writes"
        time.sleep(0.05)


def free_port() -> int:
    """A port below those that the kernel gives to others, for a container that keeps it over restarts."""
    while True:
        port = random.randint(20000, 32000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
