"""Postgres in a container."""

from __future__ import annotations

from nact_conformance.containers.container_storage import ContainerStorage
from nact_conformance.containers.images import image


class PostgresStorage(ContainerStorage):
    """A Postgres server, with a database `test` for a user `test` whose password is `test`.

    Args:
        image_name: The image to run; if not given, the newest server that is supported.
        query: Of the URL for engines: `?schema=laws`, say.
        settings: Of the server: `log_statement=all`, say.
    """

    def __init__(self, image_name: str | None = None, *, query: str = "", settings: tuple[str, ...] = ()) -> None:
        name = "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"
        super().__init__(
            image_name or image("TEST_POSTGRES_IMAGE"),
            port=5432,
            url="postgresql://test:test@127.0.0.1:{port}/test" + query,
            command=["postgres", *[part for setting in settings for part in ("-c", setting)]] if settings else (),
            # For a password, both ends hash 4096 times (SCRAM), and laws open hundreds of connections.
            env={**dict.fromkeys(name, "test"), "POSTGRES_HOST_AUTH_METHOD": "trust"},
            ready=self._version,
        )

    @property
    def direct_url(self) -> str:
        """Past the proxy."""
        return f"postgresql://test:test@127.0.0.1:{self.port}/test"

    def answer(self, host: str, port: int) -> str:
        """The version of the server that answers at this place, as seen from this one's container.

        Raises:
            NotReadyError: No server answers.
        """
        # Over TCP: the server that runs while the image makes its database listens on a socket alone.
        connect = f"host={host} port={port} user=test password=test dbname=test connect_timeout=2"
        return self.run("psql", connect, "-AtXc", "SHOW server_version").partition(" ")[0]

    def refuse_reads(self) -> None:
        """Refuses new connections: the engine's user may read everything, so no right can be taken from it."""
        self._allow_connections("false")

    def allow_reads(self) -> None:
        """Ends `refuse_reads`."""
        self._allow_connections("true")

    def _allow_connections(self, whether: str) -> None:
        connect = "host=127.0.0.1 user=test password=test dbname=postgres"
        self.run("psql", connect, "-AtXc", f"ALTER DATABASE test ALLOW_CONNECTIONS {whether}")

    def _version(self) -> str:
        return f"PostgreSQL {self.answer('127.0.0.1', 5432)}"
