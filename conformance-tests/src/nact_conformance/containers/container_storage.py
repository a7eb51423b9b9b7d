"""A server in a container, behind a proxy: a `ServerStorage` for any database that has an image."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from docker.errors import APIError
from testcontainers.core.container import DockerContainer

from nact_conformance.containers.ports import free_port
from nact_conformance.containers.reaper import start_reaper
from nact_conformance.proxy import TcpProxy

_PATIENCE = 60.0
_TRIES = 5
_PAUSES = (0.1, 0.5, 1.0, 2.0)  # seconds between tries to freeze a container


class NotReadyError(Exception):
    """The server doesn't accept work yet."""


class ContainerStorage:
    """One server on a port of its own, which it keeps when it is killed and started again.

    Args:
        image: What to run.
        port: Where the server listens in its container; `None` if `{port}` in `command` tells it, which then is the
            same inside and outside.
        url: For engines; `{port}` is the proxy's.
        command: What to run instead of the image's own command.
        env: For the container.
        ready: Asks the server whether it accepts work, and returns its version for the report; raises `NotReadyError`
            or `OSError` as long as it doesn't. If not given, a server is ready that accepts connections.
    """

    def __init__(
        self,
        image: str,
        *,
        port: int | None,
        url: str,
        command: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        ready: Callable[[], str] | None = None,
    ) -> None:
        self.image = image
        self.version = image
        self.port = 0
        self._inside = port
        self._url = url
        self._command = command
        self._env = dict(env or {})
        self._ready = ready or self._connects
        self._container: DockerContainer | None = None
        self._proxy = TcpProxy("127.0.0.1", 0)

    @property
    def url(self) -> str:
        """For engines: through the proxy."""
        return self._url.replace("{port}", str(self._proxy.port))

    @property
    def bare_url(self) -> str:
        """The same, without the engine's options."""
        return self.url.partition("?")[0]

    @property
    def proxy(self) -> TcpProxy:
        """The proxy between engines and server."""
        return self._proxy

    @property
    def address(self) -> str:
        """Where other containers reach it."""
        container = self._docker()
        container.reload()
        return str(container.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"])

    @property
    def gateway(self) -> str:
        """Where other containers reach the machine, and so `port`, which stays the same."""
        container = self._docker()
        container.reload()
        return str(container.attrs["NetworkSettings"]["Networks"]["bridge"]["Gateway"])

    def start(self) -> None:
        """Starts the server, unless it runs, and returns when it accepts work."""
        if self._container is None:
            start_reaper()
            self._container = self._started()
            self._proxy.retarget("127.0.0.1", self.port)
            self._proxy.start()
        else:
            self._docker().start()
        self._await_ready()

    def stop(self) -> None:
        """Removes the server and what it stored."""
        self._proxy.stop()
        if self._container is not None:
            self._container.stop()
            self._container = None

    def kill(self) -> None:
        """Ends the server with SIGKILL."""
        container = self._docker()
        container.reload()
        if container.status == "running":
            container.kill()
            container.wait()

    def restart(self) -> None:
        """Kills the server and starts it again on what was stored."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freezes the server.

        Raises:
            APIError: Docker can't freeze it, also when asked again: on a busy machine the first try may fail.
        """
        container = self._docker()
        for patience in _PAUSES:
            with suppress(APIError):
                container.pause()
            container.reload()
            if container.status == "paused":
                break
            time.sleep(patience)
        else:
            container.pause()

    def resume(self) -> None:
        """Lets the server go on."""
        container = self._docker()
        container.reload()
        if container.status == "paused":
            container.unpause()

    def cut_off(self) -> None:
        """Breaks the connections of engines; new ones are refused."""
        self._proxy.cut()

    def reconnect(self) -> None:
        """Ends `cut_off`."""
        self._proxy.mend()

    def disconnect_network(self) -> None:
        """Takes the server's own network away: packets are lost, and nothing says so."""
        self._docker().client.networks.get("bridge").disconnect(self._docker())

    def connect_network(self) -> None:
        """Ends `disconnect_network`."""
        self._docker().client.networks.get("bridge").connect(self._docker())

    def run(self, *command: str) -> str:
        """Runs a command in the container, and returns its output.

        Raises:
            NotReadyError: It failed; says what it printed.
        """
        status, output = self._docker().exec_run(list(command))
        if status != 0:
            raise NotReadyError(f"{command[0]} in {self.image}: {bytes(output).decode(errors='replace').strip()}")
        return bytes(output).decode(errors="replace").strip()

    def change_data(self, script: str) -> None:
        """Runs a shell on the server's volumes while it is down."""
        containers = self._docker().client.containers
        options = {"volumes_from": [self._docker().id], "remove": True, "user": "root", "entrypoint": ""}
        containers.run(self.image, ["sh", "-c", script], **options)

    def _started(self) -> DockerContainer:
        for attempt in range(1, _TRIES + 1):
            self.port = free_port()
            inside = self._inside or self.port
            container = DockerContainer(self.image, env=self._env).with_bind_ports(inside, self.port)
            if self._command:
                container.with_command([part.replace("{port}", str(inside)) for part in self._command])
            try:
                return container.start()
            except APIError as error:  # another process was faster
                container.stop()
                if attempt == _TRIES or "allocated" not in str(error):
                    raise
        raise AssertionError("unreachable")

    def _docker(self) -> Any:
        if self._container is None:
            raise RuntimeError("the server wasn't started: call start()")
        return self._container.get_wrapped_container()

    def _await_ready(self) -> None:
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                self.version = self._ready()
            except (NotReadyError, OSError, APIError) as error:
                container = self._docker()
                container.reload()
                if time.monotonic() > give_up or container.status == "exited":
                    log = container.logs(tail=20).decode(errors="replace")
                    raise RuntimeError(f"{self.image} isn't ready ({error}); its log ends with:\n{log}") from error
                time.sleep(0.05)
            else:
                return

    def _connects(self) -> str:
        socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        return self.image
