"""Postgres behind a pooler, in two containers."""

from __future__ import annotations

from nact_conformance.containers.container_storage import ContainerStorage
from nact_conformance.containers.images import image
from nact_conformance.containers.postgres import PostgresStorage
from nact_conformance.proxy import TcpProxy

_SETTINGS = """
[databases]
test = host={gateway} port={server} dbname=test user=test password=test
[pgbouncer]
listen_addr = 0.0.0.0
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_prepared_statements = {prepared}
server_login_retry = 0.1
ignore_startup_parameters = extra_float_digits
"""


class PgBouncerStorage:
    """A Postgres server behind PgBouncer in transaction mode, with four connections to it.

    `kill` and `pause` reach the server. `cut_off` and the proxy stand between engines and PgBouncer.

    Args:
        server: The server, which only this uses.
        query: Of the URL for engines.
        prepared_statements: The number that PgBouncer remembers for each client; 0, as before 1.21.
    """

    def __init__(self, server: PostgresStorage, *, query: str = "", prepared_statements: int = 0) -> None:
        self.server = server
        self._query = query
        self._prepared_statements = prepared_statements
        self._pooler: ContainerStorage | None = None

    @property
    def url(self) -> str:
        """For engines: through the proxy and PgBouncer."""
        return self._running().url

    @property
    def bare_url(self) -> str:
        """The same without the engine's options."""
        return self.url.partition("?")[0]

    @property
    def direct_url(self) -> str:
        """Past the proxy and PgBouncer."""
        return self.server.direct_url

    @property
    def version(self) -> str:
        """Of both."""
        return f"{self.server.version} behind {self._pooler.version if self._pooler else 'PgBouncer'}"

    @property
    def proxy(self) -> TcpProxy:
        """The proxy between engines and PgBouncer."""
        return self._running().proxy

    def start(self) -> None:
        """Starts both, unless they run, and returns when they accept work."""
        self.server.start()
        if self._pooler is None:
            settings = _SETTINGS.format(
                gateway=self.server.gateway, server=self.server.port, prepared=self._prepared_statements
            )
            script = f"cat > /tmp/pgbouncer.ini <<'END'\n{settings}\nEND\nexec pgbouncer /tmp/pgbouncer.ini"
            self._pooler = ContainerStorage(
                image("TEST_PGBOUNCER_IMAGE"),
                port=6432,
                url="postgresql://test:test@127.0.0.1:{port}/test" + self._query,
                command=("sh", "-c", script),
                ready=self._version,
            )
        self._pooler.start()

    def stop(self) -> None:
        """Removes both, and what was stored."""
        if self._pooler is not None:
            self._pooler.stop()
            self._pooler = None
        self.server.stop()

    def kill(self) -> None:
        """Ends the server with SIGKILL."""
        self.server.kill()

    def restart(self) -> None:
        """Kills the server and starts it again on what was stored."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freezes the server."""
        self.server.pause()

    def resume(self) -> None:
        """Lets the server go on."""
        self.server.resume()

    def cut_off(self) -> None:
        """Breaks the connections of engines; new ones are refused."""
        self._running().cut_off()

    def reconnect(self) -> None:
        """Ends `cut_off`."""
        self._running().reconnect()

    def _running(self) -> ContainerStorage:
        if self._pooler is None:
            raise RuntimeError("PgBouncer wasn't started: call start()")
        return self._pooler

    def _version(self) -> str:
        self.server.answer(self.server.gateway, self._running().port)
        return self._running().run("pgbouncer", "--version").partition("\n")[0] or "PgBouncer"
