"""The server: the one that `NACT_BENCHMARKS_POSTGRES` names, or one in a container of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import docker

from benchmarks.model import NotHereError
from nact_conformance.containers import PostgresStorage


@contextmanager
def running() -> Iterator[str]:
    """The URL of a new database, which is dropped in the end."""
    name = f"nact_benchmarks_{uuid4().hex[:12]}"
    with ExitStack() as stack:
        url = os.environ.get("NACT_BENCHMARKS_POSTGRES") or stack.enter_context(_container())
        asyncio.run(_execute(url, f"CREATE DATABASE {name}"))
        stack.callback(lambda: asyncio.run(_execute(url, f"DROP DATABASE {name} WITH (FORCE)")))
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def versions(url: str) -> dict[str, str]:
    """The server's, and how durable it is."""
    return asyncio.run(_told(url))


async def _told(url: str) -> dict[str, str]:
    connection = await asyncpg.connect(url)
    version, fsync, commit = [
        await connection.fetchval(f"SHOW {name}") for name in ("server_version", "fsync", "synchronous_commit")
    ]
    await connection.close()
    return {"server": f"PostgreSQL {version.split()[0]}", "durability": f"fsync {fsync}, synchronous_commit {commit}"}


@contextmanager
def _container() -> Iterator[str]:
    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        raise NotHereError(f"no NACT_BENCHMARKS_POSTGRES, and no Docker engine: {error}") from None
    server = PostgresStorage()
    server.start()
    try:
        yield server.direct_url
    finally:
        server.stop()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()
