"""A Redis server in a container, behind a proxy: what the conformance kit calls a `ServerStorage`."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from testcontainers.core.container import DockerContainer

from nact_conformance.proxy import TcpProxy

OLDEST = os.environ.get("TEST_REDIS_OLD_IMAGE", "redis:7-alpine")
NEWEST = os.environ.get("TEST_REDIS_IMAGE", "redis:8-alpine")

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
EVERYSEC = ("--appendonly", "yes", "--appendfsync", "everysec")
NEVER = ("--appendonly", "yes", "--appendfsync", "no")
VOLATILE = ("--appendonly", "no", "--save", "")

_PATIENCE = 60.0


class RedisServer:
    """A server on a port of its own, which it keeps when it is killed and started again.

    Args:
        image: What to run.
        options: The server's options.
        url: How engines reach it; `{port}` is the proxy's.
    """

    def __init__(self, image: str, *options: str, url: str = "redis://127.0.0.1:{port}/0") -> None:
        self.version = image
        self.port = 0
        self._image = image
        self._options = options
        self._url = url
        self._container: DockerContainer | None = None
        self._proxy = TcpProxy("127.0.0.1", 0)

    @property
    def url(self) -> str:
        return self._url.replace("{port}", str(self._proxy.port))

    @property
    def proxy(self) -> TcpProxy:
        return self._proxy

    def client(self) -> Redis:
        """A client that goes straight to the server, past the proxy."""
        return Redis(port=self.port, retry=Retry(NoBackoff(), 0), socket_timeout=5)

    def run(self, *command: str | int) -> object:
        """What the server answers to a command of a client like `redis-cli`."""
        with self.client() as client:
            return client.execute_command(*command)

    def start(self) -> None:
        if self._container is None:
            self.port = free_port()
            self._container = DockerContainer(self._image).with_command(["redis-server", *self._options])
            self._container.with_bind_ports(6379, self.port).start()
            self._proxy.retarget("127.0.0.1", self.port)
            self._proxy.start()
        else:
            self._container.get_wrapped_container().start()
        self._await_answer()
        self.version = f"Redis {self._info('redis_version')}"

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

    def shell(self, script: str) -> str:
        """What a shell in the container prints."""
        status, output = self._docker().exec_run(["sh", "-c", script])
        assert status == 0, output
        return bytes(output).decode()

    def change_data(self, script: str) -> None:
        """Runs a shell on the data of the server while it is down."""
        helper = self._docker().client.containers
        volumes = [self._docker().id]
        command = ["sh", "-c", script]
        helper.run(self._image, command, entrypoint="", volumes_from=volumes, remove=True, user="root")

    def _docker(self) -> Any:
        assert self._container is not None, "the server wasn't started"
        return self._container.get_wrapped_container()

    def _info(self, name: str) -> str:
        with self.client() as client:
            return str(client.info()[name])

    def _await_answer(self) -> None:
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                with self.client() as client:
                    client.ping()
                    return
            except (RedisError, OSError):
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.02)


def free_port() -> int:
    """A port that is free now, for a container that keeps it over restarts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
