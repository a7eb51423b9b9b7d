"""Reads a server's settings, which decide what survives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from nact_persistence_redis._connections.abandoned import Peer
from nact_persistence_redis._connections.encoding import Ask, Reply
from nact_persistence_redis._connections.errors import TransientWeaknessError, is_transient, refusal
from nact_persistence_redis._statements.scripts import Command

_QUESTIONS: tuple[Command, ...] = (
    ("INFO",),
    ("CONFIG", "GET", "appendonly", "appendfsync", "maxmemory-policy"),
    ("CLIENT", "ID"),
    ("CLIENT", "KILL", "ID", 2**63 - 1),  # there is no such connection: asks only for the right
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The settings of a server that decide what survives; `None` where it doesn't tell this user.

    Attributes:
        version: The version of the commands that it understands, as in (7, 2).
        is_replica: Whether it follows another server.
        replicas: The number of replicas that are connected to it.
        appends: Whether it has an append-only file.
        syncs: When it writes that file through to the disk: `always`, `everysec`, `no`.
        evicts: The keys that it removes when its memory is full, as in `noeviction`.
        is_loading: Whether it still loads its data from the disk, and answers nothing else.
        ends_connections: Whether it ends connections when this user asks for it.
        peer: This connection, as the server knows it.
    """

    version: tuple[int, int]
    is_replica: bool
    replicas: int
    appends: bool | None
    syncs: str | None
    evicts: str | None
    is_loading: bool
    ends_connections: bool
    peer: Peer


async def settings_of(ask: Ask) -> ServerSettings:
    """The server's settings.

    Raises:
        TransientWeaknessError: The server doesn't answer now.
        NactError: The server doesn't even answer INFO.
    """
    about, config, number, killed = replies = await ask(_QUESTIONS)
    for reply in replies:
        if isinstance(reply, ResponseError) and is_transient(reply):  # a script of another program keeps it busy, say
            raise TransientWeaknessError(f"Redis doesn't answer now (Redis: {reply})") from reply
    if isinstance(about, ResponseError):
        raise refusal(about, None) from about
    told = {**_lines(about), **_pairs(config)}
    major, minor, *_ = told.get("redis_version", "0.0").split(".")
    appends = told.get("appendonly", {"0": "no", "1": "yes"}.get(told.get("aof_enabled", "")))
    return ServerSettings(
        version=(int(major), int(minor)),
        is_replica=told.get("role") == "slave",
        replicas=int(told.get("connected_slaves", "0")),
        appends=None if appends is None else appends == "yes",
        syncs=told.get("appendfsync"),
        evicts=told.get("maxmemory-policy", told.get("maxmemory_policy")),
        is_loading=told.get("loading") == "1",
        ends_connections=isinstance(number, int) and isinstance(killed, int) and "run_id" in told,
        peer=Peer(told.get("run_id", ""), number if isinstance(number, int) else 0),
    )


def _lines(info: Reply) -> dict[str, str]:
    pairs = (line.partition(":") for line in _text(info).splitlines())
    return {name: value for name, found, value in pairs if found}


def _pairs(config: Reply) -> dict[str, str]:
    """The settings: RESP2 gives names and values in turn, RESP3 a map. An error means that this user has no right."""
    if isinstance(config, ResponseError):
        return {}
    items = config.items() if isinstance(config, dict) else zip(config[::2], config[1::2], strict=True)
    return {_text(name): _text(value) for name, value in items}


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
