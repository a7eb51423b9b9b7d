"""Reads the address in a URL: one server, a server's socket file, a cluster, or a service of Sentinel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.exceptions import RedisError

Node: TypeAlias = tuple[str, int]
"""A server's host and port."""

SCHEMES = ("redis", "rediss", "redis+unix", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel")
CLUSTER, SENTINEL, UNIX = "cluster", "sentinel", "unix"

_SENTINEL_PREFIX = "sentinel_"
"""The names of options for connections to Sentinels begin with it."""

_PORT, _SENTINELS_PORT = 6379, 26379


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A URL that names what the engine can use.

    Attributes:
        shown: The URL without user, password and options.
        kind: The kind of what it names: `CLUSTER`, `SENTINEL`, `UNIX`, or the empty text for one server.
        connection: The driver's kind of connection.
        nodes: Hosts and ports; none for `UNIX`.
        path: The file for `UNIX`, the service's name for `SENTINEL`.
        options: Of the connections.
        sentinel_options: Of the connections to Sentinels.
    """

    shown: str
    kind: str
    connection: type[AbstractConnection]
    nodes: tuple[Node, ...]
    path: str
    options: dict[str, Any]
    sentinel_options: dict[str, Any]


def address_of(url: str) -> Address:
    """The address in the URL. The driver itself ignores some mistakes, and takes database 0, say.

    Raises:
        ValueError: The URL is invalid; the message holds neither user nor password.
    """
    parts = split(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"the URL must begin with one of {', '.join(SCHEMES)}, not {parts.scheme!r}")
    if "@" in parts.path or parts.fragment:
        raise ValueError("a '/' or '#' in a user's name or password is written %2F or %23 in a URL")
    scheme, _, kind = parts.scheme.partition("+")
    connection = UnixDomainSocketConnection if kind == UNIX else SSLConnection if scheme == "rediss" else Connection
    nodes, path = tuple(_nodes(parts, kind)), unquote(parts.path.removeprefix("/"))
    sentinel_options: dict[str, Any] = {}
    if kind == SENTINEL:
        sentinel_options, parts = _sentinel_options(parts)
    options = _options(parts, scheme)
    if connection is SSLConnection:
        options.setdefault("ssl_check_hostname", _has_certificate(options))
    _check_options(connection, options)
    _check_nodes(kind, nodes, path)
    if kind in {"", CLUSTER}:
        options["db"] = _database(kind, path, options.get("db"))
    return Address(
        shown=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}",
        kind=kind,
        connection=connection,
        nodes=nodes,
        path=f"/{path}" if kind == UNIX else path,
        options=options,
        sentinel_options=sentinel_options,
    )


def _nodes(parts: SplitResult, kind: str) -> Iterator[Node]:
    """The hosts of `scheme://user:password@host:port,host:port/...`."""
    hosts = parts.netloc.rpartition("@")[2]
    for host in hosts.split(",") if hosts or kind != UNIX else ():
        try:
            one = urlsplit(f"//{host}")
            yield one.hostname or "localhost", one.port or (_SENTINELS_PORT if kind == SENTINEL else _PORT)
        except ValueError as error:
            raise ValueError(f"the URL names a host {host!r}: {error}") from error


def split(url: str) -> SplitResult:
    """The parts of the URL.

    Raises:
        ValueError: It can't be split; the message holds neither user nor password, as Python's own does.
    """
    try:
        return urlsplit(url)
    except ValueError:
        text = "the URL can't be read; in a user's name or password a '[' is written %5B and a ']' %5D"
        raise ValueError(text) from None


def _options(parts: SplitResult, scheme: str) -> dict[str, Any]:
    """The user, the password and the part after `?`, as the driver's arguments."""
    user, at, _ = parts.netloc.rpartition("@")
    found = dict(parse_url(urlunsplit((scheme, f"{user}{at}localhost", "", parts.query, ""))))
    for name in ("host", "port", "connection_class"):
        found.pop(name, None)
    return found


def _sentinel_options(parts: SplitResult) -> tuple[dict[str, Any], SplitResult]:
    """The options for connections to Sentinels (`sentinel_password=...`), and the URL without them."""
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    theirs = dict(pair for pair in pairs if pair[0].startswith(_SENTINEL_PREFIX))
    rest = [pair for pair in pairs if pair[0] not in theirs]
    uses_tls = theirs.pop(f"{_SENTINEL_PREFIX}ssl", "false")
    if uses_tls not in {"true", "false"}:
        raise ValueError(f"the option {_SENTINEL_PREFIX}ssl must be true or false, not {uses_tls!r}")
    query = urlencode({name.removeprefix(_SENTINEL_PREFIX): text for name, text in theirs.items()})
    found = {**_options(SplitResult("", "", "", query, ""), "redis"), "ssl": uses_tls == "true"}
    if found["ssl"]:
        found.setdefault("ssl_check_hostname", _has_certificate(found))
    _check_options(Redis, found)
    return found, parts._replace(query=urlencode(rest))


def _has_certificate(options: dict[str, Any]) -> bool:
    """Whether the server's certificate is checked: then the host that it names is, too, which redis-py 5 doesn't do."""
    return options.get("ssl_cert_reqs") != "none"


def _check_options(connection: Callable[..., object], options: dict[str, Any]) -> None:
    """Refuses now what the driver would refuse at the first use."""
    try:
        connection(**options)
    except (TypeError, RedisError) as error:
        raise ValueError(f"the URL has an option that redis-py doesn't know: {error}") from error


def _check_nodes(kind: str, nodes: tuple[Node, ...], path: str) -> None:
    if kind == "" and len(nodes) > 1:
        raise ValueError("the URL of one server names one host; of a cluster's, redis+cluster://host1,host2")
    if kind == SENTINEL and (not path or "/" in path):
        raise ValueError(f"a Sentinel URL names the service, redis+sentinel://host1,host2/service, not {path!r}")
    if kind == UNIX and (nodes or not path):
        raise ValueError("the URL of a socket names its file, and no host: redis+unix:///run/redis.sock?db=0")


def _database(kind: str, path: str, option: int | None) -> int:
    if path and not (path.isascii() and path.isdigit()):
        raise ValueError(f"after the host stands the number of a database, redis://host/0, not {path!r}")
    if path and option not in {None, int(path)}:
        raise ValueError(f"the URL names database {path} and database {option}")
    database = int(path) if path else option or 0
    if kind == CLUSTER and database != 0:
        raise ValueError(f"a cluster has no other database than 0, and the URL names {database}")
    return database
