"""Holds a server's settings against the durability that was asked for, and names what they can lose."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from operator import ge
from typing import Literal, TypeAlias

from redis.exceptions import ResponseError

from nact.errors import EngineUnavailableError
from nact_persistence_redis._connections.encoding import Reply
from nact_persistence_redis._connections.errors import TransientWeaknessError
from nact_persistence_redis._routing.server_settings import ServerSettings
from nact_persistence_redis._statements.scripts import Command

logger = logging.getLogger("nact.persistence.redis")

Durability: TypeAlias = Literal["always", "everysec", "none"]
"""The events that survive, of those that were acknowledged.

`always`: all of them are on the server's disk. `everysec`: a loss of power may take those of the last two seconds; on
a slow disk the death of the server's process may, too. `none`: whatever the server keeps.
"""

IfWeaker: TypeAlias = Literal["refuse", "warn", "accept"]
"""The treatment of a server that promises less."""

_CONFIRMS_FSYNC_FROM = (7, 2)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The commands by which the server confirms the writes of a connection, WAITAOF or WAIT, and the counts to reach.

    Attributes:
        commands: The commands to send after the writes. The reply to the last one counts.
        counts: The counts that it has to reach.
    """

    commands: tuple[Command, ...]
    counts: tuple[int, ...]

    def doubt(self, reply: Reply) -> Exception | None:
        """The reason why the writes aren't confirmed; `None` if this reply reaches the counts."""
        if isinstance(reply, ResponseError):
            return reply
        reached = reply if isinstance(reply, list) else [reply]
        if len(reached) == len(self.counts) and all(map(ge, reached, self.counts)):
            return None
        return TimeoutError("it wasn't confirmed that the disk, or enough replicas, have it")


class DurabilityPolicy:
    """The durability that was asked for.

    Args:
        durability: What has to survive.
        if_weaker: The treatment of a server that promises less.
        replicas: How many replicas have to have an event before it is acknowledged.
        wait: Seconds that the server waits for the disk, and for replicas.
    """

    def __init__(self, durability: Durability, if_weaker: IfWeaker, replicas: int, wait: float) -> None:
        self._durability = durability
        self._if_weaker = if_weaker
        self._replicas = replicas
        self._wait = max(1, int(wait * 1000))
        self._nudge = max(1, self._wait // 10)
        self._told: set[str] = set()

    def confirmation(self, server: ServerSettings) -> Confirmation | None:
        """The way in which this server confirms a write; `None` if its reply alone says enough."""
        if self._durability == "always" and server.syncs != "no" and _can_confirm_fsync(server):
            if server.syncs == "always" and not self._replicas:
                return None
            synced: Command = ("WAITAOF", 1, self._replicas, self._wait)
            # A replica tells how far it has synced when it is asked, or once a second. Right after the write it hasn't
            # synced yet. So it is asked whether it has the events, and then whether it has synced them.
            asked: Command = ("WAIT", self._replicas, self._nudge)
            return Confirmation((asked, synced) if self._replicas else (synced,), (1, self._replicas))
        return Confirmation((("WAIT", self._replicas, self._wait),), (self._replicas,)) if self._replicas else None

    def check(self, server: ServerSettings) -> None:
        """Returns if the server may be used.

        Raises:
            TransientWeaknessError: It promises less than was asked for, until the other servers are as they should
                be; or it still loads its data.
            EngineUnavailableError: It promises less than was asked for, and is to be refused.
        """
        if server.is_loading:
            raise TransientWeaknessError("Redis is still loading its data")
        lasting, passing = self._weaknesses(server), self._misplaced(server)
        weaknesses = [*passing, *lasting]
        if weaknesses and self._if_weaker == "refuse":
            kind = EngineUnavailableError if lasting else TransientWeaknessError
            raise kind(
                f"this Redis can lose what it acknowledged: {'; '.join(weaknesses)}. Change that, "
                "or say with durability= or if_weaker= that it may be so"
            )
        level = logging.WARNING if self._if_weaker == "warn" else logging.INFO
        for weakness in weaknesses:
            self._tell(level, f"this Redis can lose what it acknowledged: {weakness}")
        for remark in self._remarks(server):
            self._tell(logging.WARNING, remark)
        if self._durability != "always" and server.syncs != "always":
            self._tell(logging.INFO, f"durability={self._durability}: {_loss(server)}")

    def _tell(self, level: int, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            logger.log(level, "%s", text)

    def _weaknesses(self, server: ServerSettings) -> list[str]:
        """The settings by which events can be lost that were to survive, and what would help."""
        found: list[str] = []
        if self._durability == "none":
            return found
        if server.appends is False:
            found.append("it has no append-only file: set appendonly yes")
        elif server.syncs == "no" or (server.syncs == "everysec" and self._needs_always(server)):
            found.append(f"appendfsync is {server.syncs}, {_loss(server)}: set appendfsync {self._durability}")
        if server.evicts is not None and server.evicts.startswith("allkeys-"):
            found.append(f"maxmemory-policy is {server.evicts}, which throws events away: set noeviction")
        return found

    def _needs_always(self, server: ServerSettings) -> bool:
        """Whether nothing but a sync at each write, before its reply, keeps what was asked for."""
        return self._durability == "always" and not _can_confirm_fsync(server)

    def _misplaced(self, server: ServerSettings) -> list[str]:
        """The weaknesses that a failover may cause, and that end with it."""
        found = ["it follows another server, and can't be written: name its master"] if server.is_replica else []
        if server.replicas < self._replicas:
            found.append(f"it has {server.replicas} replicas, and {self._replicas} have to confirm: add some")
        return found

    def _remarks(self, server: ServerSettings) -> list[str]:
        """The facts to warn of that aren't known to be weaknesses."""
        remarks = []
        if server.appends is None or server.syncs is None or server.evicts is None:
            remarks.append("the server doesn't let this user read its settings (CONFIG GET): what survives isn't known")
        elif self._durability == "always" and server.appends and server.syncs == "everysec":
            remarks.append(
                "appendfsync is everysec: every write waits for the next fsync (WAITAOF), up to a second; "
                "appendfsync always is faster"
            )
        if not server.ends_connections:
            remarks.append(
                "the server doesn't let this user end connections that were given up (CLIENT ID, CLIENT KILL): "
                "a write that wasn't acknowledged may still take effect later, after a read that denied it"
            )
        if self._durability == "always" and server.replicas > self._replicas == 0:
            remarks.append("a failover to a replica can lose what was acknowledged; replicas=1 waits for one of them")
        return remarks


def _can_confirm_fsync(server: ServerSettings) -> bool:
    return server.version >= _CONFIRMS_FSYNC_FROM and server.appends is True


def _loss(server: ServerSettings) -> str:
    if server.appends is False:
        return "what was acknowledged since the last dump is lost when the server dies"
    if server.syncs == "no":
        return "what was acknowledged in the last half a minute can be lost when the machine dies"
    return "what was acknowledged in the last two seconds can be lost when the machine dies"
