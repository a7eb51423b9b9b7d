"""A server that runs as a child process, for fault laws without containers."""

from __future__ import annotations

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence

from nact_conformance.proxy import TcpProxy

PATIENCE = 30.0


class ProcessStorage:
    """A `ServerStorage`: the server is a child process of this one, behind a proxy.

    Args:
        command: How to start the server. `{port}` and `{folder}` stand for where it listens, and where it stores.
        url: The URL for engines, with `{port}` for the port at which they reach it.
        version: The server's version, for the report.
        env: The server's environment, if it isn't this process's.
    """

    def __init__(
        self, command: Sequence[str], *, url: str, version: str = "", env: Mapping[str, str] | None = None
    ) -> None:
        self.version = version
        self._env = env
        self._command = command
        self._url = url
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._proxy = TcpProxy("127.0.0.1", 0)

    @property
    def url(self) -> str:
        """The URL, which leads through the proxy; it is known from the first start on."""
        return self._url.replace("{port}", str(self._proxy.port))

    @property
    def proxy(self) -> TcpProxy:
        """The proxy between engines and server."""
        return self._proxy

    @property
    def port(self) -> int:
        """Where the server listens, past the proxy."""
        return self._port

    def start(self) -> None:
        """Starts the server on its folder, unless it runs, and returns when it accepts connections."""
        if self._process is not None and self._process.poll() is None:
            return
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="nact-storage-", ignore_cleanup_errors=True)
            self._port = _free_port()
            self._proxy.retarget("127.0.0.1", self._port)
            self._proxy.start()
        places = {"{port}": str(self._port), "{folder}": self._folder.name}
        command = list(self._command)
        for place, value in places.items():
            command = [part.replace(place, value) for part in command]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=self._env)
        self._await_server(self._process)

    def stop(self) -> None:
        """Ends the server in good order, and removes what it stored."""
        self.resume()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None
        self._proxy.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def kill(self) -> None:
        """Ends the server with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)

    def restart(self) -> None:
        """Kills the server and starts it again on what was stored."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freezes the server with SIGSTOP."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets the server go on with SIGCONT."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)

    def cut_off(self) -> None:
        """Cuts the network between engines and server."""
        self._proxy.cut()

    def reconnect(self) -> None:
        """Mends the network."""
        self._proxy.mend()

    def _await_server(self, process: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < give_up:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        process.kill()
        raise RuntimeError(f"the server didn't come up: {self._command} ended with {process.wait()}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
