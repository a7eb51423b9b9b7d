"""The server that all subjects share: the one that `NACT_BENCHMARKS_REDIS_URL` names, or a container."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from benchmarks import persisting
from benchmarks.model import NotHereError, Run
from nact_persistence_redis import RedisPersistenceEngine

URL = "NACT_BENCHMARKS_REDIS_URL"
CONTAINER = "NACT_BENCHMARKS_REDIS_CONTAINER"
"""Is set to the id of the container, if there is one."""

IMAGE = os.environ.get("TEST_REDIS_OLD_IMAGE", "redis:7-alpine")
OPTIONS = ("--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
PREFIX = "nact-bench:"
ALWAYS, EVERYSEC = "always", "everysec"
_AT_ONCE = 1000


@contextmanager
def running() -> Iterator[str]:
    """While the body runs there is a server; this is its URL. One that was there already gets its settings back.

    Raises:
        NotHereError: There is none, and no Docker engine.
    """
    if URL in os.environ:
        with _as_it_was(os.environ[URL]):
            yield os.environ[URL]
        return
    from docker.errors import DockerException  # noqa: PLC0415 (whoever names a server needs no Docker)
    from testcontainers.community.redis import RedisContainer  # noqa: PLC0415

    try:
        container = RedisContainer(IMAGE).with_command(["redis-server", *OPTIONS]).start()
    except DockerException as error:
        raise NotHereError(f"there is no Docker engine, and no {URL}") from error
    with container:
        os.environ[CONTAINER] = str(container.get_wrapped_container().id)
        yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"
        del os.environ[CONTAINER]


@asynccontextmanager
async def empty(run: Run, fsync: str = ALWAYS) -> AsyncIterator[None]:
    """While the body runs, the server has this `appendfsync`; at its beginning it has no events."""
    async with Redis.from_url(run.server) as client:
        await client.config_set("appendfsync", fsync)
        await _remove_all(client)
        yield
        await _remove_all(client)


def engine(run: Run, fsync: str = ALWAYS) -> RedisPersistenceEngine:
    """An engine of nact on the server."""
    return RedisPersistenceEngine(run.server, prefix=PREFIX, durability="always" if fsync == ALWAYS else "everysec")


async def fill(run: Run) -> None:
    """Stores `run.n` events of one key, and nothing else."""
    async with empty(run):
        pass
    async with engine(run) as filled:
        await persisting.fill(filled, run.n)


@contextmanager
def _as_it_was(url: str) -> Iterator[None]:
    with BlockingRedis.from_url(url) as client:
        before = client.config_get("appendfsync")
        try:
            yield
        finally:
            for name, value in before.items():
                client.config_set(name, value)


async def _remove_all(client: Redis) -> None:
    names = [name async for name in client.scan_iter(match=f"{PREFIX}*", count=_AT_ONCE)]
    for first in range(0, len(names), _AT_ONCE):
        await client.unlink(*names[first : first + _AT_ONCE])
