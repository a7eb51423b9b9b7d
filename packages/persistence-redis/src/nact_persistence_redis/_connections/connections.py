"""Round trips over the driver's connections. The connection that was used last is kept for the next round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import TypeAlias

from nact_persistence_redis._connections import driver
from nact_persistence_redis._connections.abandoned import Abandoned, Peer
from nact_persistence_redis._connections.driver import Connection, Pool
from nact_persistence_redis._connections.encoding import Ask, Reply
from nact_persistence_redis._connections.errors import DRIVER_ERRORS, InterruptedExchange
from nact_persistence_redis._statements.scripts import Command

Handshake: TypeAlias = Callable[[Pool, Ask], Awaitable[Peer]]


class _Known:
    """The facts about a connection that was looked at.

    Attributes:
        peer: The connection as its server knows it.
        generation: The generation of its pool in which it was made. A new one begins whenever a connection of the pool
            didn't answer in time.
    """

    __slots__ = ("generation", "peer")

    def __init__(self, peer: Peer, generation: int) -> None:
        self.peer = peer
        self.generation = generation


class Connections:
    """Makes round trips to servers, each of which is known by its pool of connections.

    Args:
        max_connections: How many round trips to one server run at once; the others wait. One connection of each pool is
            then kept and not given back, since nearly every write uses the same one again. `None` for pools that
            another program shares and that have limits of their own.
    """

    def __init__(self, *, max_connections: int | None) -> None:
        self.abandoned = Abandoned()
        self._max_connections = max_connections
        self._kept: dict[Pool, Connection] = {}
        self._slots: dict[Pool, asyncio.Semaphore] = {}
        self._known: dict[Connection, _Known] = {}
        self._generations: dict[Pool, int] = {}

    async def aclose(self) -> None:
        """Gives the kept connections back to their pools."""
        while self._kept:
            pool, connection = self._kept.popitem()
            await pool.release(connection)
        while self._known:
            driver.no_longer_on_connect(self._known.popitem()[0], self._on_connect)

    async def exchange(
        self,
        pool: Pool,
        compose: Callable[[], Sequence[Command]],
        timeout: float,
        *,
        handshake: Handshake | None = None,
        writes: bool = False,
    ) -> list[Reply]:
        """The reply to each command, in order; one that is an error is returned, not raised.

        All commands are sent at once, and only once, whatever the client that gave the pool does about retries. A
        connection that is left in the middle, by an error or a cancellation, is closed. So is one whose handshake
        failed.

        Args:
            pool: The server.
            compose: Returns the commands. Called when there is a connection.
            timeout: In seconds.
            handshake: Called first, with every connection that is new, since another server may answer than before.
            writes: Whether the commands write. If their connection is left in the middle, the server has to end it
                before it gets the commands of the next exchange with a handshake.

        Raises:
            InterruptedExchange: Not every reply was read. Its cause is the driver's error.
            NactError: `handshake` raised it. Nothing was sent.
        """
        has_slot = was_sent = False
        try:
            async with asyncio.timeout(timeout) as limit, self._slot_at(pool):
                has_slot, is_in_order = True, False
                connection = await self._take(pool)
                try:
                    if handshake is not None and await self._prepared(pool, connection, handshake):
                        limit.reschedule(asyncio.get_running_loop().time() + timeout)
                    commands = compose()
                    was_sent = True
                    replies = await driver.replies(connection, commands)
                    is_in_order = True
                    return replies
                finally:
                    await self._give_back(pool, connection, is_in_order, writes and was_sent)
        except (*DRIVER_ERRORS, RuntimeError) as error:  # asyncio's: a client's connection is of a loop that has ended
            if has_slot and isinstance(error, TimeoutError):
                self._generations[pool] = self._generations.get(pool, 0) + 1
            raise InterruptedExchange(was_sent) from error

    async def _prepared(self, pool: Pool, connection: Connection, handshake: Handshake) -> bool:
        """Makes sure that the connection may be used. Returns whether that took a round trip."""
        known = self._known.get(connection)
        if known is not None and not self.abandoned:  # nearly always
            return False
        ask = partial(driver.replies, connection)
        if is_new := known is None:
            known = _Known(await handshake(pool, ask), self._generations.get(pool, 0))
            driver.on_connect(connection, self._on_connect)
            self._known[connection] = known
        if not self.abandoned.are_at(known.peer.run):
            return is_new
        await self.abandoned.end(known.peer.run, ask)
        return True

    async def _take(self, pool: Pool) -> Connection:
        connection = self._kept.pop(pool, None)
        if connection is not None:
            if self._may_be_alive(pool, connection) and await driver.is_usable(connection):
                return connection
            await driver.drop(connection)
            await pool.release(connection)
        connection = await driver.take(pool)
        if not self._may_be_alive(pool, connection):
            try:
                await driver.drop(connection)
                await connection.connect()
            except BaseException:
                await pool.release(connection)
                raise
        return connection

    def _may_be_alive(self, pool: Pool, connection: Connection) -> bool:
        """False for connections as old as one that fell silent: the others may be dead, too, without any sign."""
        generation = self._generations.get(pool)
        if generation is None:
            return True
        known = self._known.get(connection)
        return self._max_connections is not None if known is None else known.generation == generation

    async def _give_back(self, pool: Pool, connection: Connection, is_in_order: bool, has_written: bool) -> None:
        known = self._known.get(connection)
        if not is_in_order:
            if has_written and known is not None:
                self.abandoned.note(known.peer)
            await driver.drop(connection)
        if is_in_order and self._max_connections is not None and pool not in self._kept:
            self._kept[pool] = connection
        else:
            await pool.release(connection)

    def _slot_at(self, pool: Pool) -> AbstractAsyncContextManager[None]:
        if self._max_connections is None:
            return nullcontext()
        slots = self._slots.get(pool)
        if slots is None:
            slots = self._slots[pool] = asyncio.Semaphore(self._max_connections)
        return slots

    def _on_connect(self, connection: Connection) -> None:
        self._known.pop(connection, None)
