"""Connections that were left while a write was on its way: the server ends them before it is asked anything else.

The bytes of such a write may still lie in a buffer of the network, or of a server that was frozen. If they arrived
after a read that denied the event, the journal would contradict what was said of it. A server that has ended a
connection (CLIENT KILL) executes nothing more that comes over it.
"""

from __future__ import annotations

from typing import NamedTuple

from redis.exceptions import NoPermissionError, ResponseError

from nact_persistence_redis._connections.encoding import Ask
from nact_persistence_redis._statements.scripts import Command

_RUNS = 16
"""Of so many runs of servers connections are remembered. What a server that is dead had received died with it."""


class Peer(NamedTuple):
    """A connection as its server knows it.

    Attributes:
        run: The run of the server: another one after each restart.
        connection: The connection's number in that run; 0 if the server doesn't tell this user.
    """

    run: str
    connection: int


class Abandoned:
    """Remembers them until their server confirms that they have ended."""

    def __init__(self) -> None:
        self._by_run: dict[str, list[int]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_run)

    def note(self, peer: Peer) -> None:
        """A write may still be on its way over this connection, which is closed here."""
        if peer.run and peer.connection:
            self._by_run.setdefault(peer.run, []).append(peer.connection)
            if len(self._by_run) > _RUNS:
                del self._by_run[next(iter(self._by_run))]

    def are_at(self, run: str) -> bool:
        """Whether this run of a server has any."""
        return run in self._by_run

    async def end(self, run: str, ask: Ask) -> None:
        """Returns when the server has ended them. Whoever may not ask for that was warned when the engine opened.

        Raises:
            ResponseError: The server refused it.
        """
        ended = frozenset(self._by_run[run])
        kills: list[Command] = [("CLIENT", "KILL", "ID", connection) for connection in ended]
        for reply in await ask(kills):
            if isinstance(reply, ResponseError) and not isinstance(reply, NoPermissionError):
                raise reply
        left = [connection for connection in self._by_run.pop(run, []) if connection not in ended]
        if left:
            self._by_run[run] = left
