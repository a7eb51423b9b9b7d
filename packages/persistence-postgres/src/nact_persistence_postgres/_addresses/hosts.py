"""Connects to the first of several hosts that is suitable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

_LEAST = 1.0
_NEXT = (
    OSError,
    UnicodeError,  # a name that no host can have
    asyncpg.exceptions.CannotConnectNowError,
    asyncpg.exceptions.TargetServerAttributeNotMatched,
)


async def connect(hosts: Sequence[str], *, timeout: float, **arguments: Any) -> Connection:
    """Connects as `asyncpg.connect` does, but gives each host, with a DSN of its own, a share of the time.

    asyncpg gives all of the time to the first host, and a machine that lost its power doesn't refuse: it is silent.
    """
    share = max(_LEAST, timeout / len(hosts))
    for one in hosts[:-1]:
        try:
            return await asyncpg.connect(one, timeout=share, **arguments)
        except _NEXT:
            continue
    return await asyncpg.connect(hosts[-1], timeout=share, **arguments)


def each_host(dsn: str) -> list[str]:
    """A DSN for each host of this one; this one itself, if a standby is preferred: asyncpg has to know them all."""
    scheme, _, rest = dsn.partition("://")
    end = min((rest.index(mark) for mark in "/?" if mark in rest), default=len(rest))
    user, at, hosts = rest[:end].rpartition("@")
    if "target_session_attrs=prefer-standby" in rest:
        return [dsn]
    return [f"{scheme}://{user}{at}{host}{rest[end:]}" for host in hosts.split(",")]
