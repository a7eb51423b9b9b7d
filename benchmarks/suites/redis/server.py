"""The server that all subjects share: the one that `NACT_BENCHMARKS_REDIS` names, or one in a container of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import docker
from docker.errors import DockerException
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from benchmarks import growing, persisting
from benchmarks.model import NotHereError, Run
from nact_conformance.containers import DURABLE, RedisStorage, image
from nact_persistence_redis import RedisPersistenceEngine

URL = "NACT_BENCHMARKS_REDIS"
PREFIX = "nact-bench:"
ALWAYS, EVERYSEC = "always", "everysec"
_FILLED = "filled"
_AT_ONCE = 1000


@contextmanager
def running() -> Iterator[str]:
    """The URL of a server. One that was there already gets its settings back, and loses what was stored here.

    Raises:
        NotHereError: There is none, and no Docker engine.
    """
    with ExitStack() as stack:
        url = os.environ.get(URL) or stack.enter_context(_container())
        client = stack.enter_context(BlockingRedis.from_url(url))
        before = client.config_get("appendfsync")
        yield url
        for name, value in before.items():
            client.config_set(name, value)
        _remove(client, "nact-bench*")


def versions(url: str) -> dict[str, str]:
    """Of the server, and how durable it is, if a case doesn't say so."""
    with BlockingRedis.from_url(url) as client:
        told = client.info("server")
        fsync = client.config_get("appendfsync")["appendfsync"]
    name, version = ("valkey", "valkey_version") if "valkey_version" in told else ("redis", "redis_version")
    return {name: told[version], "appendfsync": fsync}


@asynccontextmanager
async def empty(run: Run, fsync: str = ALWAYS) -> AsyncIterator[None]:
    """While the body runs, the server has this `appendfsync`; at its beginning it has no events."""
    with BlockingRedis.from_url(run.server) as client:
        client.config_set("appendfsync", fsync)
        _remove(client, f"{PREFIX}*")
        yield
        _remove(client, f"{PREFIX}*")


def engine(run: Run, fsync: str = ALWAYS) -> RedisPersistenceEngine:
    """An engine of nact on the server."""
    return RedisPersistenceEngine(run.server, prefix=PREFIX, durability="always" if fsync == ALWAYS else "everysec")


def grown(run: Run) -> RedisPersistenceEngine:
    """An engine on what `fill_for_growth` stored."""
    return RedisPersistenceEngine(run.server, prefix=_prefix(run))


async def fill(run: Run) -> None:
    """Stores `run.n` events of one key, and nothing else."""
    async with empty(run):
        pass
    async with engine(run) as filled:
        await persisting.fill(filled, run.n)


async def fill_for_growth(run: Run) -> None:
    """Stores `run.stored` events, a hundred a key; those of each number under a prefix of their own."""
    async with Redis.from_url(run.server) as client, grown(run) as filled:
        await client.config_set("appendfsync", ALWAYS)
        if await client.set(f"{_prefix(run)}{_FILLED}", "", nx=True):
            await growing.fill(filled, run.stored)


def _prefix(run: Run) -> str:
    return f"nact-bench-{run.stored}:"


@contextmanager
def _container() -> Iterator[str]:
    try:
        docker.from_env().ping()
    except DockerException as error:
        raise NotHereError(f"no {URL}, and no Docker engine: {error}") from None
    options = (*DURABLE, "--auto-aof-rewrite-percentage", "0")
    server = RedisStorage(image("TEST_REDIS_OLD_IMAGE"), options=options)
    server.start()
    try:
        yield server.direct_url
    finally:
        server.stop()


def _remove(client: BlockingRedis, pattern: str) -> None:
    names = list(client.scan_iter(match=pattern, count=_AT_ONCE))
    for first in range(0, len(names), _AT_ONCE):
        client.unlink(*names[first : first + _AT_ONCE])
