"""Where a storm takes place: a file, a server in a container, or a pair of servers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from redis import Redis

from nact_conformance.containers import MongoStorage, PostgresStorage, RedisStorage
from nact_conformance.containers.container_storage import NotReadyError
from storms.clients import read_mongo, read_postgres, read_redis, read_sqlite
from storms.line import Line
from storms.stored import Stored

Server: TypeAlias = PostgresStorage | RedisStorage | MongoStorage

_BASE_BACKUP = (
    "rm -rf $PGDATA/* && pg_basebackup -d 'host={host} port={port} user=test password=test' -D $PGDATA -R -X stream "
    "&& chown -R postgres $PGDATA"
)


@dataclass(slots=True)
class Place:
    """A storage, and what can be done to it.

    Attributes:
        url: For engines, through the line.
        read: Reads a key with the database's own client, past the line.
        server: The server, where there is one.
        line: The line to it.
        kill_sessions: Ends the sessions that the server has with others.
        standby: A second server that has what the first one acknowledges.
    """

    url: str
    read: Callable[[str], Stored]
    server: Server | None = None
    line: Line | None = None
    kill_sessions: Callable[[], object] | None = None
    standby: PostgresStorage | None = None

    def fail_over(self) -> None:
        """The server is gone for ever, and the standby, which may be down, takes over with what it has."""
        if self.server is None or self.standby is None or self.line is None:
            raise RuntimeError("there is no standby")
        standby = self.standby
        self.server.kill()
        standby.start()
        _promote(standby)
        self.line.lead_to(standby.port)
        self.line.cut()
        self.server, self.read = standby, lambda key: read_postgres(standby.direct_url, key)


@contextmanager
def sqlite() -> Iterator[Place]:
    """A file."""
    with tempfile.TemporaryDirectory(prefix="storm-") as folder:
        path = Path(folder, "journal.db")
        yield Place(url=f"sqlite:///{path}", read=lambda key: read_sqlite(path, key))


@contextmanager
def redis() -> Iterator[Place]:
    """Redis, which acknowledges what is on disk."""
    server = RedisStorage()
    with _started(server) as line:

        def kill_sessions() -> None:
            with Redis.from_url(server.direct_url) as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

        url, read = _through(line, server), lambda key: read_redis(server.direct_url, key)
        yield Place(url=url, read=read, server=server, line=line, kill_sessions=kill_sessions)


@contextmanager
def mongo() -> Iterator[Place]:
    """A replica set of one member."""
    server = MongoStorage(replica_set=True)
    with _started(server) as line:

        def kill_sessions() -> None:
            with server.client() as client:
                client.admin.command("killAllSessions", [])

        url, read = _through(line, server), lambda key: read_mongo(server.direct_url, key)
        yield Place(url=url, read=read, server=server, line=line, kill_sessions=kill_sessions)


@contextmanager
def postgres() -> Iterator[Place]:
    """A Postgres server."""
    server = PostgresStorage()
    with _started(server) as line:
        yield _postgres(server, line)


@contextmanager
def pair() -> Iterator[Place]:
    """Two Postgres servers: what the first one acknowledges is on the second one's disk."""
    primary, standby = PostgresStorage(), PostgresStorage()
    try:
        with _started(primary) as line:
            primary.run("sh", "-c", "echo host replication all all scram-sha-256 >> $PGDATA/pg_hba.conf")
            _psql(primary, "SELECT pg_reload_conf()")
            standby.start()
            standby.kill()
            standby.change_data(_BASE_BACKUP.format(host=primary.gateway, port=primary.port))
            standby.start()
            _psql(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
            place = _postgres(primary, line)
            place.standby = standby
            yield place
    finally:
        standby.stop()


PLACES = {"sqlite": sqlite, "redis": redis, "postgres": postgres, "mongo": mongo, "pair": pair}


def _postgres(server: PostgresStorage, line: Line) -> Place:
    def kill_sessions() -> None:
        # What is written by this session waits for no standby: it must not hang where others do.
        with psycopg.connect(server.direct_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )

    url, read = _through(line, server), lambda key: read_postgres(server.direct_url, key)
    return Place(url=url, read=read, server=server, line=line, kill_sessions=kill_sessions)


def _psql(server: PostgresStorage, *statements: str) -> None:
    for statement in statements:
        server.run("psql", "-U", "test", "-c", statement)


def _promote(standby: PostgresStorage) -> None:
    """Makes the standby a primary. While it replays what it has, it may cancel the statement that asks for it."""
    while True:
        try:
            return _psql(standby, "SELECT pg_promote()")
        except NotReadyError as error:
            if "conflict with recovery" not in str(error):
                raise


def _through(line: Line, server: Any) -> str:
    return str(server.direct_url).replace(f":{server.port}/", f":{line.port}/")


@contextmanager
def _started(server: Server) -> Iterator[Line]:
    server.start()
    line = Line(server.port)
    try:
        yield line
    finally:
        line.close()
        server.stop()
