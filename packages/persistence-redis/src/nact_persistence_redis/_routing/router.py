"""Sends each request to the server that has its key, and tries it again for a bounded time.

Every request has the same effect when it is sent twice, so one whose reply was lost is sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from redis.exceptions import AskError, MovedError

from nact.errors import EngineClosedError, NactError
from nact.persistence.building.retry import Retry
from nact_persistence_redis._connections.driver import Pool
from nact_persistence_redis._connections.encoding import Reply
from nact_persistence_redis._connections.errors import DRIVER_ERRORS, unavailable
from nact_persistence_redis._routing.durability import DurabilityPolicy
from nact_persistence_redis._routing.request import Pending, Request
from nact_persistence_redis._routing.round_trips import RoundTrips
from nact_persistence_redis._routing.servers import Servers

_OPENING_PAUSE = 0.25


class Router:
    """The way to the servers.

    Args:
        servers: The servers that have the keys.
        policy: What the servers have to promise. Each is looked at before it is used, and again when it comes back.
        timeout: Seconds for one round trip.
        retry_for: Seconds after which no further attempt begins. But a first attempt that got no answer in time is
            always followed by another, over a new connection.
    """

    def __init__(self, servers: Servers, policy: DurabilityPolicy, timeout: float, retry_for: float) -> None:
        self.servers = servers
        self._round_trips = RoundTrips(servers, policy, timeout)
        self._retry_for = retry_for
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_closed = False

    async def open(self) -> None:
        """Finds the servers, and holds the settings of each against the policy.

        Raises:
            EngineUnavailableError: None can be reached, or one promises less.
        """
        retry = Retry(self._retry_for, first_pause=_OPENING_PAUSE)
        while not self._is_closed:
            try:
                await self.servers.open()
                break
            except DRIVER_ERRORS as error:
                if retry.is_over:
                    raise unavailable(error, outcome_known=True) from error
            await retry.wait()
        replies = await self.ask([Request(b"", ("PING",), pool=pool) for pool in self.servers.pools()])
        failures = [reply for reply in replies if isinstance(reply, NactError)]
        for failure in failures:
            # Of several servers one may be down: it is looked at when it is back.
            if failure.__cause__ is None or len(failures) == len(replies):
                raise failure

    async def aclose(self) -> None:
        """Waits for the round trips under way, and closes the connections."""
        self._is_closed = True
        await self._idle.wait()
        if self.servers.connections.abandoned:
            await asyncio.gather(*[self._round_trips.end_abandoned(pool) for pool in self.servers.pools()])
        await self.servers.aclose()

    async def ask(self, requests: Sequence[Request], *, durably: bool = False) -> list[Reply]:
        """The reply to each request, in order, or the `NactError` that it ended with.

        Args:
            requests: Those for one server travel together.
            durably: Reply only when what was written is confirmed.

        Raises:
            EngineClosedError: The engine was closed meanwhile.
        """
        all_of_them = [Pending(request) for request in requests]
        pending, retry, is_first = all_of_them, Retry(self._retry_for), True
        while True:
            await self._send(pending, durably)
            pending = [each for each in pending if not each.is_settled]
            if not pending:
                break
            if is_first and any(isinstance(each.cause, TimeoutError) for each in pending):
                retry.grant_attempt()
            if retry.is_over:
                for each in pending:
                    each.give_up()
                break
            await self._pause(retry, pending)
            is_first = False
        return [each.reply for each in all_of_them]

    async def one(self, request: Request) -> Reply:
        """The reply to one request.

        Raises:
            NactError: It ended with that.
        """
        (reply,) = await self.ask([request])
        if isinstance(reply, NactError):
            raise reply
        return reply

    async def _pause(self, retry: Retry, pending: list[Pending]) -> None:
        if not all(isinstance(each.cause, AskError | MovedError) for each in pending):
            await retry.wait()
        with self._under_way():  # which opens nothing once it is closed
            await self.servers.refresh(pending[0].request.name)

    async def _send(self, pending: list[Pending], durably: bool) -> None:
        """Sends each request to its server, to all servers at once."""
        groups: dict[Pool, list[Pending]] = {}
        for each in pending:
            pool = each.redirected_to or each.request.pool or self.servers.pool(each.request.name)
            groups.setdefault(pool, []).append(each)
        with self._under_way():
            parts = [self._round_trips.send(pool, group, durably) for pool, group in groups.items()]
            if len(parts) == 1:
                await parts[0]
            else:
                await asyncio.gather(*parts)

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        if self._is_closed:
            raise EngineClosedError("the engine is closed; make a new one")
        self._busy += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if self._busy == 0:
                self._idle.set()
