"""Makes the driver's connections: from a URL, or from a client that somebody else made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit, urlunsplit

from redis.asyncio import ConnectionPool, Redis, RedisCluster, Sentinel
from redis.asyncio.connection import Connection, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from nact_persistence_redis._cluster import Cluster, Place
from nact_persistence_redis._lines import Pool
from nact_persistence_redis._servers import OneServer, Servers

Client: TypeAlias = "Redis | RedisCluster"

SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel")
_NOT_OURS = {"connection_class", "db", "event_dispatcher", "host", "max_connections", "port"}
_NOT_OURS |= {"redis_connect_func", "response_callbacks"}
_PORTS = {"cluster": 6379, "sentinel": 26379}


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
        return {
            "retry": Retry(NoBackoff(), 0),
            "socket_connect_timeout": self.timeout,
            "socket_timeout": None,
            "socket_keepalive": True,
        }


def checked_source(source: object) -> str | Client:
    """The URL or the client.

    Raises:
        TypeError: It is neither.
        ValueError: It is a URL that can't be used; the message holds neither user nor password.
    """
    if isinstance(source, str):
        return _checked_url(source)
    if not isinstance(source, Redis | RedisCluster):
        given = f"{type(source).__module__}.{type(source).__name__}"
        raise TypeError(f"expected a URL, or a Redis or RedisCluster of redis.asyncio, not {given}")
    return source


def shown(url: str) -> str:
    """The URL without its user, password and options."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def servers_of_client(client: Client, options: Options) -> Servers:
    """The servers of a client that stays its maker's: a cluster's is only a pattern for connections."""
    if not isinstance(client, RedisCluster):
        return OneServer(client.connection_pool, max_connections=None)
    nodes = client.nodes_manager.startup_nodes.values()
    settings = {name: value for name, value in client.get_connection_kwargs().items() if name not in _NOT_OURS}
    is_tls = any(issubclass(node.connection_class, SSLConnection) for node in nodes)
    seeds = [(str(node.host), int(node.port)) for node in nodes]
    return _cluster(
        seeds, settings, options, SSLConnection if is_tls else Connection, client.nodes_manager.address_remap
    )


def servers_of_url(url: str, options: Options) -> Servers:
    """The servers that a URL names. Connects when they are used."""
    scheme, _, kind = urlsplit(url).scheme.partition("+")
    if kind == "cluster":
        settings = _driver_options(url)
        is_tls = settings.pop("ssl", False)
        return _cluster(list(_hosts(url)), settings, options, SSLConnection if is_tls else Connection)
    if kind == "sentinel":
        return _sentinel(url, options, is_tls=scheme == "rediss")
    pool = ConnectionPool.from_url(url, max_connections=options.max_connections, **options.for_driver())
    return OneServer(pool, max_connections=options.max_connections)


def _cluster(
    seeds: list[Place],
    settings: dict[str, Any],
    options: Options,
    kind: type[Connection],
    remap: Callable[[Place], Place] | None = None,
) -> Servers:
    settings = {**settings, **options.for_driver()}

    def make_pool(place: Place) -> Pool:
        limit = options.max_connections
        return ConnectionPool(kind, max_connections=limit, host=place[0], port=place[1], **settings)

    return Cluster(seeds, make_pool, remap, options.timeout, options.max_connections)


def _sentinel(url: str, options: Options, *, is_tls: bool) -> Servers:
    settings = {**_driver_options(url), **options.for_driver(), "ssl": is_tls}
    watchers = {name[len("sentinel_") :]: settings.pop(name) for name in list(settings) if name.startswith("sentinel_")}
    hosts = list(_hosts(url))
    share = options.timeout / (len(hosts) + 1)  # a Sentinel that is silent leaves time to ask the others
    watchers |= {"retry": Retry(NoBackoff(), 0), "socket_timeout": share, "socket_connect_timeout": share}
    sentinel = Sentinel(hosts, sentinel_kwargs=watchers)  # type: ignore[no-untyped-call]
    service = unquote(urlsplit(url).path.strip("/"))
    pool: Pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
        service, sentinel, max_connections=options.max_connections, **settings
    )
    return OneServer(pool, max_connections=options.max_connections, watchers=sentinel.sentinels)


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"the URL must begin with one of {', '.join(SCHEMES)}, not {parts.scheme!r}")
    if parts.scheme != "unix":
        if "@" in parts.path or parts.fragment:
            raise ValueError("a '/' or '#' in a user's name or password is written %2F or %23 in a URL")
        hosts, options, path = list(_hosts(url)), _driver_options(url), parts.path.removeprefix("/")
        _check_options(options)
        _check_place(parts.scheme.partition("+")[2], hosts, path, options.get("db"))
    return url


def _check_place(kind: str, hosts: list[Place], path: str, database: int | None) -> None:
    """The driver would take database 0 where it can't read the path."""
    if kind == "sentinel":
        if not path or "/" in path:
            raise ValueError(f"a Sentinel URL names the service, redis+sentinel://host1,host2/service, not {path!r}")
        return
    if path and not (path.isascii() and path.isdigit()):
        raise ValueError(f"behind the host stands the number of a database, redis://host/0, not {path!r}")
    if path and database not in {None, int(path)}:
        raise ValueError(f"the URL names database {path} and database {database}")
    if kind == "cluster" and (database or int(path or 0)):
        raise ValueError(f"a cluster has no other database than 0, and the URL names {database or path}")
    if kind == "" and len(hosts) > 1:
        raise ValueError("the URL of one server names one host; of a cluster's, redis+cluster://host1,host2")


def _check_options(options: dict[str, Any]) -> None:
    """The driver itself would say it at the first use."""
    known = {name: value for name, value in options.items() if not name.startswith("sentinel_") and name != "ssl"}
    try:
        (SSLConnection if "ssl" in options else Connection)(**known)
    except (TypeError, RedisError) as error:
        raise ValueError(f"the URL has an option that redis-py doesn't know: {error}") from error


def _hosts(url: str) -> Iterator[Place]:
    """The hosts of `scheme://user:password@host:port,host:port/...`."""
    parts = urlsplit(url)
    default = _PORTS.get(parts.scheme.partition("+")[2], 6379)
    for place in parts.netloc.rpartition("@")[2].split(","):
        try:
            one = urlsplit(f"//{place}")
            yield one.hostname or "localhost", one.port or default
        except ValueError as error:
            raise ValueError(f"the URL names a host {place!r}: {error}") from error


def _driver_options(url: str) -> dict[str, Any]:
    """What the user, the password and the part behind `?` say, in the driver's words."""
    parts = urlsplit(url)
    scheme = parts.scheme.partition("+")[0]
    user, at, _ = parts.netloc.rpartition("@")
    found = dict(parse_url(urlunsplit((scheme, f"{user}{at}localhost", "", parts.query, ""))))
    for name in ("host", "port"):
        found.pop(name, None)
    if found.pop("connection_class", None) is not None:
        found["ssl"] = True
    return found
