"""Connections, each in use by one round trip at a time; the one that was used last is kept at hand for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any, TypeAlias

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import Connection
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError

from nact_persistence_redis._errors import DRIVER_ERRORS, InterruptedExchange, as_redirection
from nact_persistence_redis._scripts import Command
from nact_persistence_redis._wire import packed

Pool: TypeAlias = ConnectionPool
Reply: TypeAlias = Any
Ask: TypeAlias = Callable[[Sequence[Command]], Awaitable[list[Reply]]]
"""Sends commands over one connection, and returns the replies."""
Greet: TypeAlias = Callable[[Pool, Ask], Awaitable[None]]
_Connection: TypeAlias = Any

_CAN_READ = "can_read" if hasattr(Connection, "can_read") else "can_read_destructive"  # before redis-py 8


class Lines:
    """Round trips to servers, each of which is known by its pool of connections.

    Args:
        at_most: So many round trips to one server at once; the others wait. One connection of each pool then stays at
            hand, and isn't given back: nearly every write uses the same one again. `None` for pools that others use,
            too: they have limits of their own.
    """

    def __init__(self, *, at_most: int | None) -> None:
        self._at_most = at_most
        self._at_hand: dict[Pool, _Connection] = {}
        self._room: dict[Pool, asyncio.Semaphore] = {}
        self._greeted: set[_Connection] = set()

    async def aclose(self) -> None:
        """Gives back what is at hand."""
        while self._at_hand:
            pool, connection = self._at_hand.popitem()
            await pool.release(connection)
        while self._greeted:
            self._greeted.pop().deregister_connect_callback(self._on_connect)

    async def exchange(
        self, pool: Pool, compose: Callable[[], Sequence[Command]], timeout: float, *, greet: Greet | None = None
    ) -> list[Reply]:
        """The reply to each command, in order; one that is an error is returned, not raised.

        All are sent at once, once, whatever the client that gave the pool does about retries. A connection that is
        left in the middle, by an error or by a cancellation, is closed; so is one whose greeting failed.

        Args:
            pool: The server.
            compose: Tells what to send, when there is a connection.
            timeout: In seconds.
            greet: Is called first, with every connection that is new: the server may be another one than before.

        Raises:
            InterruptedExchange: Not every reply was read. Its cause is the driver's error.
            NactError: `greet` raised it. Nothing was sent.
        """
        was_sent = False
        try:
            async with asyncio.timeout(timeout) as limit, self._room_at(pool):
                connection = await self._take(pool)
                is_in_order = False
                try:
                    if greet is not None and connection not in self._greeted:
                        await self._greet(pool, connection, greet)
                        limit.reschedule(asyncio.get_running_loop().time() + timeout)
                    commands = compose()
                    was_sent = True
                    replies = await _replies(connection, commands)
                    is_in_order = True
                    return replies
                finally:
                    await self._give_back(pool, connection, is_in_order)
        except DRIVER_ERRORS as error:
            was_executed = was_sent and not isinstance(error, AuthenticationError | BusyLoadingError)
            raise InterruptedExchange(was_executed) from error

    async def _take(self, pool: Pool) -> _Connection:
        connection = self._at_hand.pop(pool, None)
        if connection is not None:
            if await _is_usable(connection):
                return connection
            await connection.disconnect(nowait=True)
            await pool.release(connection)
        return await pool.get_connection()  # type: ignore[no-untyped-call]

    async def _give_back(self, pool: Pool, connection: _Connection, is_in_order: bool) -> None:
        if not is_in_order:
            await connection.disconnect(nowait=True)
        if is_in_order and self._at_most is not None and pool not in self._at_hand:
            self._at_hand[pool] = connection
        else:
            await pool.release(connection)

    def _room_at(self, pool: Pool) -> AbstractAsyncContextManager[None]:
        if self._at_most is None:
            return nullcontext()
        room = self._room.get(pool)
        if room is None:
            room = self._room[pool] = asyncio.Semaphore(self._at_most)
        return room

    async def _greet(self, pool: Pool, connection: _Connection, greet: Greet) -> None:
        await greet(pool, partial(_replies, connection))
        connection.register_connect_callback(self._on_connect)
        self._greeted.add(connection)

    def _on_connect(self, connection: _Connection) -> None:
        self._greeted.discard(connection)


async def _is_usable(connection: _Connection) -> bool:
    """Whether the server hasn't closed it, nor sent what nobody asked for."""
    try:
        return connection.is_connected and not await getattr(connection, _CAN_READ)()
    except (RedisError, OSError):
        return False


async def _replies(connection: _Connection, commands: Sequence[Command]) -> list[Reply]:
    # With a health check, the driver might connect anew in here, to a server that nobody has asked for its settings.
    await connection.send_packed_command(packed(commands), check_health=False)
    return [await _reply(connection) for _ in commands]


async def _reply(connection: _Connection) -> Reply:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return as_redirection(error)
