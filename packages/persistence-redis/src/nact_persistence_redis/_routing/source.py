"""Makes the servers of a source: of an address, or of a client that was passed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from redis.asyncio import ConnectionPool, Redis, RedisCluster, Sentinel
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff

from nact_persistence_redis._connections import driver
from nact_persistence_redis._connections.address import CLUSTER, SENTINEL, UNIX, Address, Node, address_of
from nact_persistence_redis._connections.driver import Pool
from nact_persistence_redis._routing.cluster import Cluster
from nact_persistence_redis._routing.one_server import OneServer
from nact_persistence_redis._routing.servers import Servers

Client: TypeAlias = "Redis | RedisCluster"
Source: TypeAlias = "Address | Client"

_NOT_COPIED = {"connection_class", "db", "event_dispatcher", "host", "max_connections", "port"}
_NOT_COPIED |= {"redis_connect_func", "response_callbacks"}
"""Arguments of a cluster client's connections that the engine sets itself, or that are the client's own."""


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """The engine's options for connections.

    Attributes:
        timeout: Seconds for connecting.
        max_connections: How many connections to one server there are at most.
    """

    timeout: float
    max_connections: int

    def for_driver(self) -> dict[str, Any]:
        """The driver's arguments: without retries or a timeout for reading, since the engine sees to both."""
        return {"retry": Retry(NoBackoff(), 0), "socket_connect_timeout": self.timeout, "socket_timeout": None}


def checked_source(source: object) -> Source:
    """The client, or the address in the URL.

    Raises:
        TypeError: It is neither.
        ValueError: It is an invalid URL.
    """
    if isinstance(source, str):
        return address_of(source)
    if not isinstance(source, Redis | RedisCluster):
        given = f"{type(source).__module__}.{type(source).__name__}"
        raise TypeError(f"expected a URL, or a Redis or RedisCluster of redis.asyncio, not {given}")
    return source


def servers_of(source: Source, options: ConnectionOptions) -> Servers:
    """The servers of the source. Connects when they are used."""
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
        return _cluster(source.nodes, settings, options, source.connection)
    host, port = source.nodes[0]
    return _one_server(source.connection, {**settings, "host": host, "port": port}, options)


def _one_server(kind: type[AbstractConnection], settings: dict[str, Any], options: ConnectionOptions) -> Servers:
    pool = ConnectionPool(kind, max_connections=options.max_connections, **settings)
    return OneServer(pool, max_connections=options.max_connections)


def _cluster_of_client(client: RedisCluster, options: ConnectionOptions) -> Servers:
    """Makes connections like the client's, and leaves the client itself alone."""
    nodes = driver.cluster_nodes(client)
    settings = {name: value for name, value in driver.cluster_settings(client).items() if name not in _NOT_COPIED}
    settings |= {**options.for_driver(), "socket_keepalive": True}
    is_tls = any(issubclass(kind, SSLConnection) for _, _, kind in nodes)
    seeds = [(host, port) for host, port, _ in nodes]
    return _cluster(seeds, settings, options, SSLConnection if is_tls else Connection, driver.cluster_remap(client))


def _cluster(
    seeds: Sequence[Node],
    settings: dict[str, Any],
    options: ConnectionOptions,
    kind: type[AbstractConnection],
    remap: Callable[[Node], Node] | None = None,
) -> Servers:
    def make_pool(node: Node) -> Pool:
        limit = options.max_connections
        return ConnectionPool(kind, max_connections=limit, host=node[0], port=node[1], **settings)

    return Cluster(seeds, make_pool, remap, options.timeout, options.max_connections)


def _sentinel(address: Address, options: ConnectionOptions) -> Servers:
    share = options.timeout / (len(address.nodes) + 1)  # a silent Sentinel leaves time to ask the others
    ours = {**options.for_driver(), "socket_timeout": share, "socket_connect_timeout": share}
    sentinel = Sentinel(address.nodes, sentinel_kwargs={**address.sentinel_options, **ours})  # type: ignore[no-untyped-call]
    settings = {**address.options, **options.for_driver(), "socket_keepalive": True}
    is_tls = issubclass(address.connection, SSLConnection)
    limit = options.max_connections
    pool: Pool = SentinelConnectionPool(address.path, sentinel, ssl=is_tls, max_connections=limit, **settings)  # type: ignore[no-untyped-call]
    return OneServer(pool, max_connections=limit, sentinels=driver.sentinel_clients(sentinel))
