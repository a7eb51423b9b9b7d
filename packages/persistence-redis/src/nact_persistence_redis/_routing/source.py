"""Makes the driver's connections: to an address, or like those of a client that somebody else made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from redis.asyncio import ConnectionPool, Redis, RedisCluster, Sentinel
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff

from nact_persistence_redis._connections.address import CLUSTER, SENTINEL, UNIX, Address, address_of
from nact_persistence_redis._connections.connections import Pool
from nact_persistence_redis._routing.cluster import Cluster, Place
from nact_persistence_redis._routing.servers import OneServer, Servers

Client: TypeAlias = "Redis | RedisCluster"
Source: TypeAlias = "Address | Client"

_NOT_OURS = {"connection_class", "db", "event_dispatcher", "host", "max_connections", "port"}
_NOT_OURS |= {"redis_connect_func", "response_callbacks"}


@dataclass(frozen=True, slots=True)
class Options:
    """How connections are made.

    Attributes:
        timeout: For connecting, in seconds.
        max_connections: At most so many to a server.
    """

    timeout: float
    max_connections: int

    def for_driver(self) -> dict[str, Any]:
        """Without retries, and without a timeout for reading: both are the engine's own business."""
        return {"retry": Retry(NoBackoff(), 0), "socket_connect_timeout": self.timeout, "socket_timeout": None}


def checked_source(source: object) -> Source:
    """The client, or what the URL says.

    Raises:
        TypeError: It is neither.
        ValueError: It is a URL that can't be used.
    """
    if isinstance(source, str):
        return address_of(source)
    if not isinstance(source, Redis | RedisCluster):
        given = f"{type(source).__module__}.{type(source).__name__}"
        raise TypeError(f"expected a URL, or a Redis or RedisCluster of redis.asyncio, not {given}")
    return source


def servers_of(source: Source, options: Options) -> Servers:
    """The servers. Connects when they are used."""
    if isinstance(source, RedisCluster):
        return _cluster_of_client(source, options)
    if isinstance(source, Redis):
        return OneServer(source.connection_pool, max_connections=None)
    if source.kind == SENTINEL:
        return _sentinel(source, options)
    settings = {**source.options, **options.for_driver()}
    if source.kind == UNIX:
        return _one_server(source.connection, {**settings, "path": source.path}, options)
    settings["socket_keepalive"] = True
    if source.kind == CLUSTER:
        return _cluster(source.places, settings, options, source.connection)
    host, port = source.places[0]
    return _one_server(source.connection, {**settings, "host": host, "port": port}, options)


def _one_server(kind: type[AbstractConnection], settings: dict[str, Any], options: Options) -> Servers:
    pool = ConnectionPool(kind, max_connections=options.max_connections, **settings)
    return OneServer(pool, max_connections=options.max_connections)


def _cluster_of_client(client: RedisCluster, options: Options) -> Servers:
    """The client stays its maker's, and is only a pattern for connections."""
    nodes = client.nodes_manager.startup_nodes.values()
    settings = {name: value for name, value in client.get_connection_kwargs().items() if name not in _NOT_OURS}
    settings |= {**options.for_driver(), "socket_keepalive": True}
    is_tls = any(issubclass(node.connection_class, SSLConnection) for node in nodes)
    seeds = [(str(node.host), int(node.port)) for node in nodes]
    remap = client.nodes_manager.address_remap
    return _cluster(seeds, settings, options, SSLConnection if is_tls else Connection, remap)


def _cluster(
    seeds: Sequence[Place],
    settings: dict[str, Any],
    options: Options,
    kind: type[AbstractConnection],
    remap: Callable[[Place], Place] | None = None,
) -> Servers:
    def make_pool(place: Place) -> Pool:
        limit = options.max_connections
        return ConnectionPool(kind, max_connections=limit, host=place[0], port=place[1], **settings)

    return Cluster(seeds, make_pool, remap, options.timeout, options.max_connections)


def _sentinel(address: Address, options: Options) -> Servers:
    share = options.timeout / (len(address.places) + 1)  # a Sentinel that is silent leaves time to ask the others
    ours = {**options.for_driver(), "socket_timeout": share, "socket_connect_timeout": share}
    sentinel = Sentinel(address.places, sentinel_kwargs={**address.watcher_options, **ours})  # type: ignore[no-untyped-call]
    settings = {**address.options, **options.for_driver(), "socket_keepalive": True}
    is_tls = issubclass(address.connection, SSLConnection)
    limit = options.max_connections
    pool: Pool = SentinelConnectionPool(address.path, sentinel, ssl=is_tls, max_connections=limit, **settings)  # type: ignore[no-untyped-call]
    return OneServer(pool, max_connections=limit, watchers=sentinel.sentinels)
