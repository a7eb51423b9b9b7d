"""Connections that were closed here while a write was on its way; the server ends them before the next commands.

The bytes of such a write may still lie in a buffer of the network, or of a server that was frozen. If they arrived
after a read that denied the event, the journal would contradict that read. A server that has ended a connection
(CLIENT KILL) executes nothing more that arrives over it. See docs/adr/0045.
"""

from __future__ import annotations

from typing import NamedTuple

from redis.exceptions import NoPermissionError, ResponseError

from nact_persistence_redis._connections.encoding import Ask
from nact_persistence_redis._statements.scripts import Command

_MAX_RUNS = 16
"""How many runs of servers are remembered. What a server that has died had received died with it."""


class Peer(NamedTuple):
    """A connection as its server knows it.

    Attributes:
        run: The run of the server, which is another one after each restart.
        connection: The connection's number in that run; 0 if the server doesn't tell it to this user.
    """

    run: str
    connection: int


class Abandoned:
    """Remembers abandoned connections until their server confirms that it has ended them."""

    def __init__(self) -> None:
        self._by_run: dict[str, list[int]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_run)

    def note(self, peer: Peer) -> None:
        """Remembers a connection over which a write may still be on its way, and which is closed here."""
        if peer.run and peer.connection:
            self._by_run.setdefault(peer.run, []).append(peer.connection)
            if len(self._by_run) > _MAX_RUNS:
                del self._by_run[next(iter(self._by_run))]

    def are_at(self, run: str) -> bool:
        """Whether this run of a server has any."""
        return run in self._by_run

    async def end(self, run: str, ask: Ask) -> None:
        """Returns when the server has ended them, or has said that this user has no right to end connections.

        The engine warned of the missing right when it opened.

        Raises:
            ResponseError: The server refused it for another reason.
        """
        ended = frozenset(self._by_run[run])
        kills: list[Command] = [("CLIENT", "KILL", "ID", connection) for connection in ended]
        for reply in await ask(kills):
            if isinstance(reply, ResponseError) and not isinstance(reply, NoPermissionError):
                raise reply
        left = [connection for connection in self._by_run.pop(run, []) if connection not in ended]
        if left:
            self._by_run[run] = left
