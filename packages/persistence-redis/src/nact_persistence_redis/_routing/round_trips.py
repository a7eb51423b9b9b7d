"""A round trip to one server: requests go out together, and each reply settles its request or leaves it pending."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from redis.exceptions import AskError, MovedError, NoPermissionError, NoScriptError, ResponseError

from nact.errors import NactError
from nact_persistence_redis._connections.abandoned import Peer
from nact_persistence_redis._connections.driver import Pool
from nact_persistence_redis._connections.encoding import Ask, Reply
from nact_persistence_redis._connections.errors import InterruptedExchange, TransientWeaknessError, is_transient
from nact_persistence_redis._routing.durability import Confirmation, DurabilityPolicy
from nact_persistence_redis._routing.request import Pending
from nact_persistence_redis._routing.server_settings import settings_of
from nact_persistence_redis._routing.servers import Servers
from nact_persistence_redis._statements.scripts import Command


class RoundTrips:
    """Makes round trips, and looks at each server's settings over every new connection.

    Args:
        servers: The servers.
        policy: What the servers have to promise.
        timeout: Seconds for one round trip.
    """

    def __init__(self, servers: Servers, policy: DurabilityPolicy, timeout: float) -> None:
        self._servers = servers
        self._policy = policy
        self._timeout = timeout
        self._confirmations: dict[Pool, Confirmation | None] = {}

    async def send(self, pool: Pool, requests: list[Pending], durably: bool) -> None:
        """Sends the requests to the server. Afterwards each is settled, or has the cause why it isn't.

        Args:
            pool: The server.
            requests: All of them travel together.
            durably: Settle a request only when the server has confirmed what was written.
        """
        try:
            forgotten = await self._send_once(pool, requests, durably)
            if forgotten:
                await self._send_once(pool, forgotten, durably, with_scripts=True)
        except InterruptedExchange as interrupted:
            for request in requests:
                request.interrupt(interrupted)
        except TransientWeaknessError as weakness:
            for request in requests:
                request.cause = weakness
        except NactError as refused:
            for request in requests:
                request.fail(refused)

    async def end_abandoned(self, pool: Pool) -> None:
        """Makes the server end the connections that were abandoned, as far as it answers.

        A write that the engine left unfinished can't take effect afterwards.
        """
        with suppress(InterruptedExchange, NactError):
            await self._servers.connections.exchange(
                pool, lambda: [("PING",)], self._timeout, handshake=self._check_server
            )

    async def _check_server(self, pool: Pool, ask: Ask) -> Peer:
        """The handshake of every new connection: holds the server's settings against the policy."""
        settings = await settings_of(ask)
        self._policy.check(settings)
        self._confirmations[pool] = self._policy.confirmation(settings)
        return settings.peer

    async def _send_once(
        self, pool: Pool, requests: list[Pending], durably: bool, *, with_scripts: bool = False
    ) -> list[Pending]:
        """Settles the requests that get a final reply. Returns those whose script the server has forgotten."""
        confirmation: Confirmation | None = None

        def compose() -> Sequence[Command]:
            nonlocal confirmation
            confirmation = self._confirmations[pool] if durably else None
            return _commands(requests, confirmation, with_scripts)

        replies = await self._servers.connections.exchange(
            pool, compose, self._timeout, handshake=self._check_server, writes=durably
        )
        doubt = None if confirmation is None else confirmation.doubt(replies[-1])
        place, forgotten = 0, []
        for request in requests:
            place += request.redirected_to is not None
            if isinstance(replies[place], NoScriptError) and not with_scripts:
                forgotten.append(request)
            else:
                self._take(request, replies[place], doubt)
            place += 1
        return forgotten

    def _take(self, pending: Pending, reply: Reply, doubt: Exception | None) -> None:
        pending.redirected_to = None
        if not isinstance(reply, ResponseError):
            if doubt is None:
                pending.settle(reply)
                return
            pending.request.in_doubt, pending.cause = True, doubt
            if isinstance(doubt, NoPermissionError):
                pending.refuse(doubt)
        elif isinstance(reply, AskError) and not isinstance(reply, MovedError):
            pending.redirected_to = self._servers.pool_at(reply.host, reply.port)
            pending.cause = reply
        elif is_transient(reply):
            pending.cause = reply
        else:
            pending.refuse(reply)


def _commands(requests: list[Pending], confirmation: Confirmation | None, with_scripts: bool) -> list[Command]:
    commands: list[Command] = []
    for pending in requests:
        command, script = pending.request.command, pending.request.script
        if pending.redirected_to is not None:
            commands.append(("ASKING",))
        commands.append(script.in_full(command) if with_scripts and script is not None else command)
    if confirmation is not None:
        commands += confirmation.commands
    return commands
