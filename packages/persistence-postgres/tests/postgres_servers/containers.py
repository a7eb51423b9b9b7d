"""A Postgres server in a container, behind a proxy: what the conformance kit calls a `ServerStorage`."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from typing import Any

import asyncpg
from testcontainers.community.postgres import PostgresContainer

from nact_conformance.proxy import TcpProxy

OLDEST = os.environ.get("TEST_POSTGRES_OLD_IMAGE", "postgres:15-alpine")
NEWEST = os.environ.get("TEST_POSTGRES_IMAGE", "postgres:17-alpine")

_PATIENCE = 60.0


class PostgresServer:
    """A server on a port of its own, which it keeps when it is killed and started again.

    Args:
        image: What to run.
        options: Of the engine, for the URL.
    """

    def __init__(self, image: str, options: str = "") -> None:
        self.version = image
        self.port = 0
        self._image = image
        self._options = options
        self._container: PostgresContainer | None = None
        self._proxy = TcpProxy("127.0.0.1", 0)

    @property
    def url(self) -> str:
        """Through the proxy."""
        return f"postgresql://test:test@127.0.0.1:{self._proxy.port}/test{self._options}"

    @property
    def direct_url(self) -> str:
        return f"postgresql://test:test@127.0.0.1:{self.port}/test"

    @property
    def address(self) -> str:
        """Where other containers reach it."""
        container = self._docker()
        container.reload()
        return str(container.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"])

    @property
    def proxy(self) -> TcpProxy:
        return self._proxy

    def start(self) -> None:
        if self._container is None:
            self.port = free_port()
            self._container = PostgresContainer(self._image, driver=None).with_bind_ports(5432, self.port)
            self._container.start()
            self._proxy.retarget("127.0.0.1", self.port)
            self._proxy.start()
        else:
            self._docker().start()
        self._await_answer()

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

    def disconnect_network(self) -> None:
        """Takes the server's own network away."""
        self._docker().client.networks.get("bridge").disconnect(self._docker())

    def connect_network(self) -> None:
        self._docker().client.networks.get("bridge").connect(self._docker())

    def _docker(self) -> Any:
        assert self._container is not None, "the server wasn't started"
        return self._container.get_wrapped_container()

    def _await_answer(self) -> None:
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                asyncio.run(self._ask())
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.05)
            else:
                return

    async def _ask(self) -> None:
        connection = await asyncpg.connect(self.direct_url, timeout=2)
        self.version = f"PostgreSQL {await connection.fetchval('SHOW server_version')}"
        await connection.close()


def free_port() -> int:
    """A port that is free now, for a container that keeps it over restarts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
