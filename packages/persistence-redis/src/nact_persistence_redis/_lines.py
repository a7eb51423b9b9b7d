"""Connections, each in use by one round trip at a time; the one that was used last is kept at hand for the next."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import Connection
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError

from nact_persistence_redis._errors import DRIVER_ERRORS, InterruptedExchange
from nact_persistence_redis._scripts import Command
from nact_persistence_redis._wire import packed

Pool: TypeAlias = ConnectionPool
Reply: TypeAlias = Any
_Connection: TypeAlias = Any

_CAN_READ = "can_read" if hasattr(Connection, "can_read") else "can_read_destructive"  # before redis-py 8


class Lines:
    """Round trips to servers, each of which is known by its pool of connections.

    Args:
        keep: Whether one connection of each pool stays at hand, and isn't given back: nearly every write uses the same
            one again. Not so where others use the pool, and may wait for it.
    """

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self._at_hand: dict[Pool, _Connection] = {}
        self._waiting: Counter[Pool] = Counter()

    async def aclose(self) -> None:
        """Gives back what is at hand."""
        while self._at_hand:
            pool, connection = self._at_hand.popitem()
            await pool.release(connection)

    async def exchange(self, pool: Pool, commands: Sequence[Command], timeout: float) -> list[Reply]:
        """The reply to each command, in order; one that is an error is returned, not raised.

        All are sent at once, once, whatever the client that gave the pool does about retries. A connection that is
        left in the middle, by an error or by a cancellation, is closed.

        Raises:
            InterruptedExchange: Not every reply was read. Its cause is the driver's error.
        """
        was_sent = False
        try:
            async with asyncio.timeout(timeout):
                connection = await self._take(pool)
                try:
                    parts = packed(commands)
                    was_sent = True
                    await connection.send_packed_command(parts)
                    replies = [await _reply(connection) for _ in commands]
                except BaseException:
                    await connection.disconnect(nowait=True)
                    await pool.release(connection)
                    raise
                await self._give_back(pool, connection)
                return replies
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
        self._waiting[pool] += 1
        try:
            return await pool.get_connection()  # type: ignore[no-untyped-call]
        finally:
            self._waiting[pool] -= 1

    async def _give_back(self, pool: Pool, connection: _Connection) -> None:
        if self._keep and pool not in self._at_hand and not self._waiting[pool]:
            self._at_hand[pool] = connection
        else:
            await pool.release(connection)  # whoever waits for the pool hears of it


async def _is_usable(connection: _Connection) -> bool:
    """Whether the server hasn't closed it, nor sent what nobody asked for."""
    try:
        return connection.is_connected and not await getattr(connection, _CAN_READ)()
    except (RedisError, OSError):
        return False


async def _reply(connection: _Connection) -> Reply:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error
