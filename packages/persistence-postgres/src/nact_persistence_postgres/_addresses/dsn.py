"""Reads the URL of the database as libpq does, and checks it before anything connects."""

from __future__ import annotations

import random
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote_plus, urlsplit

from nact_persistence_postgres._addresses.hosts import each_host
from nact_persistence_postgres._addresses.libpq_options import Pairs, checked_options

_ESCAPE = (
    "a '/' or '#' in a user's name or password is written %2F or %23 in a URL, a '?' %3F, a '@' %40, and a '[' %5B"
)
# No message may repeat a piece of the password, nor may a cause: hence `from None` after errors of urllib.


@dataclass(frozen=True, slots=True)
class Dsn:
    """A URL that asyncpg takes, and the options that the engine keeps itself.

    Attributes:
        text: The URL for asyncpg.
        name: The URL for errors and logs, without user and password.
        connect_timeout: Seconds that each host may take to answer, if the URL says so.
        is_balanced: Hosts are tried in random order.
    """

    text: str
    name: str
    connect_timeout: float | None
    is_balanced: bool

    @property
    def hosts(self) -> list[str]:
        """A URL for each host of this one; this one itself, if a standby is preferred: asyncpg has to know them all."""
        hosts = each_host(self.text)
        if self.is_balanced:
            random.shuffle(hosts)
        return hosts

    @classmethod
    def checked(cls, text: str) -> Dsn:
        """Reads a URL as libpq does.

        Raises:
            ValueError: The URL is invalid. The message shows nothing of a password.
        """
        address, mark, query = text.partition("?")
        parts = _split(address)
        _check_hosts(parts.netloc, hides="@" in query and "@" not in parts.netloc)
        pairs = checked_options(_pairs(query) if mark else [], shows_names="@" not in query)
        _check_ports(parts.netloc, pairs)
        options = dict(pairs)
        theirs = [pair for pair in pairs if pair[0] not in {"connect_timeout", "load_balance_hosts"}]
        seconds = float(options.get("connect_timeout", 0))
        hosts = parts.netloc.rpartition("@")[2]
        written = "&".join(f"{name}={quote(value, safe=_SAFE)}" for name, value in theirs)
        return cls(
            text=f"{address}?{written}" if written else address,
            name=f"{parts.scheme}://{hosts}{parts.path}",
            connect_timeout=max(2.0, seconds) if seconds > 0 else None,  # as libpq has it
            is_balanced=options.get("load_balance_hosts") == "random",
        )


_SAFE = "/:,-._~"


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
    except ValueError:
        raise ValueError(f"the URL can't be read; {_ESCAPE}") from None
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("the URL must begin with postgresql://")
    if "@" in parts.path or parts.fragment or "#" in address or parts.netloc.count("@") > 1:
        raise ValueError(_ESCAPE)
    return parts


def _check_hosts(netloc: str, *, hides: bool) -> None:
    for place in netloc.rpartition("@")[2].split(","):
        try:
            _ = urlsplit(f"//{place}").port
        except ValueError:
            if hides:  # what looks like a host is a user and the beginning of a password
                raise ValueError(f"the URL names no host that can be; {_ESCAPE}") from None
            raise ValueError(f"the URL names a host {place!r}: its port isn't a number from 0 to 65535") from None


def _check_ports(netloc: str, pairs: Pairs) -> None:
    options = dict(pairs)
    hosts = netloc.rpartition("@")[2] or options.get("host", "")
    ports = options.get("port", "")
    if "," in ports and ports.count(",") != hosts.count(","):
        raise ValueError("the URL must have one port, or as many as it has hosts")


def _pairs(query: str) -> Pairs:
    if "#" in query:
        raise ValueError(_ESCAPE)
    pairs: Pairs = []
    for pair in query.split("&"):
        name, is_one, value = pair.partition("=")
        if pair and not is_one:
            raise ValueError(f"the URL has an option without a value; {_ESCAPE}")
        if value:
            pairs.append((unquote_plus(name), unquote_plus(value)))
    return pairs
