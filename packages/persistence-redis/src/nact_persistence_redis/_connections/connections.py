"""Connections, each in use by one round trip at a time; the one that was used last is kept at hand for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from functools import partial
from typing import Any, TypeAlias

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import Connection
from redis.exceptions import RedisError, ResponseError

from nact_persistence_redis._connections.abandoned import Abandoned, Peer
from nact_persistence_redis._connections.encoding import Ask, Reply, packed
from nact_persistence_redis._connections.errors import DRIVER_ERRORS, InterruptedExchange, as_redirection
from nact_persistence_redis._statements.scripts import Command

Pool: TypeAlias = ConnectionPool
Greet: TypeAlias = Callable[[Pool, Ask], Awaitable[Peer]]
_Connection: TypeAlias = Any

_CAN_READ = "can_read" if hasattr(Connection, "can_read") else "can_read_destructive"  # before redis-py 8


class _Greeted:
    """What is known of a connection.

    Attributes:
        peer: What its server calls it.
        age: Of its pool, when it was made. A pool gets older whenever one of its connections didn't answer in time.
    """

    __slots__ = ("age", "peer")

    def __init__(self, peer: Peer, age: int) -> None:
        self.peer = peer
        self.age = age


class Lines:
    """Round trips to servers, each of which is known by its pool of connections.

    Args:
        at_most: So many round trips to one server at once; the others wait. One connection of each pool then stays at
            hand, and isn't given back: nearly every write uses the same one again. `None` for pools that others use,
            too: they have limits of their own.
    """

    def __init__(self, *, at_most: int | None) -> None:
        self.abandoned = Abandoned()
        self._at_most = at_most
        self._at_hand: dict[Pool, _Connection] = {}
        self._room: dict[Pool, asyncio.Semaphore] = {}
        self._greeted: dict[_Connection, _Greeted] = {}
        self._ages: dict[Pool, int] = {}

    async def aclose(self) -> None:
        """Gives back what is at hand."""
        while self._at_hand:
            pool, connection = self._at_hand.popitem()
            await pool.release(connection)
        while self._greeted:
            self._greeted.popitem()[0].deregister_connect_callback(self._on_connect)

    async def exchange(
        self,
        pool: Pool,
        compose: Callable[[], Sequence[Command]],
        timeout: float,
        *,
        greet: Greet | None = None,
        writes: bool = False,
    ) -> list[Reply]:
        """The reply to each command, in order; one that is an error is returned, not raised.

        All are sent at once, once, whatever the client that gave the pool does about retries. A connection that is
        left in the middle, by an error or by a cancellation, is closed; so is one whose greeting failed.

        Args:
            pool: The server.
            compose: Tells what to send, when there is a connection.
            timeout: In seconds.
            greet: Is called first, with every connection that is new: the server may be another one than before.
            writes: Whether the commands do. If their connection is left in the middle, the server has to end it before
                it gets the next commands of an exchange that greets.

        Raises:
            InterruptedExchange: Not every reply was read. Its cause is the driver's error.
            NactError: `greet` raised it. Nothing was sent.
        """
        has_room = was_sent = False
        try:
            async with asyncio.timeout(timeout) as limit, self._room_at(pool):
                has_room, is_in_order = True, False
                connection = await self._take(pool)
                try:
                    if greet is not None and await self._prepared(pool, connection, greet):
                        limit.reschedule(asyncio.get_running_loop().time() + timeout)
                    commands = compose()
                    was_sent = True
                    replies = await _replies(connection, commands)
                    is_in_order = True
                    return replies
                finally:
                    await self._give_back(pool, connection, is_in_order, writes and was_sent)
        except (*DRIVER_ERRORS, RuntimeError) as error:  # asyncio's: a client's connection is of a loop that has ended
            if has_room and isinstance(error, TimeoutError):
                self._ages[pool] = self._ages.get(pool, 0) + 1
            raise InterruptedExchange(was_sent) from error

    async def _prepared(self, pool: Pool, connection: _Connection, greet: Greet) -> bool:
        """Whether that took a round trip."""
        greeted = self._greeted.get(connection)
        if greeted is not None and not self.abandoned:  # nearly always
            return False
        ask = partial(_replies, connection)
        if is_new := greeted is None:
            greeted = _Greeted(await greet(pool, ask), self._ages.get(pool, 0))
            connection.register_connect_callback(self._on_connect)
            self._greeted[connection] = greeted
        if not self.abandoned.are_at(greeted.peer.run):
            return is_new
        await self.abandoned.end(greeted.peer.run, ask)
        return True

    async def _take(self, pool: Pool) -> _Connection:
        connection = self._at_hand.pop(pool, None)
        if connection is not None:
            if self._may_be_alive(pool, connection) and await _is_usable(connection):
                return connection
            await _drop(connection)
            await pool.release(connection)
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        if not self._may_be_alive(pool, connection):
            try:
                await _drop(connection)
                await connection.connect()
            except BaseException:
                await pool.release(connection)
                raise
        return connection

    def _may_be_alive(self, pool: Pool, connection: _Connection) -> bool:
        """Where one connection went silent, the others may have, and nobody was told: they aren't used any more."""
        age = self._ages.get(pool)
        if age is None:
            return True
        greeted = self._greeted.get(connection)
        return self._at_most is not None if greeted is None else greeted.age == age

    async def _give_back(self, pool: Pool, connection: _Connection, is_in_order: bool, has_written: bool) -> None:
        greeted = self._greeted.get(connection)
        if not is_in_order:
            if has_written and greeted is not None:
                self.abandoned.note(greeted.peer)
            await _drop(connection)
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

    def _on_connect(self, connection: _Connection) -> None:
        self._greeted.pop(connection, None)


async def close(pool: Pool) -> None:
    """Closes its connections. One that is silent doesn't say farewell, which TLS waits for, and is left.

    So is one whose event loop was closed, for which asyncio raises a RuntimeError.
    """
    with suppress(*DRIVER_ERRORS, RuntimeError):
        await pool.disconnect()


async def _drop(connection: _Connection) -> None:
    """Closes it at once: asyncio would go on sending what the server hasn't taken yet."""
    writer = getattr(connection, "_writer", None)
    with suppress(*DRIVER_ERRORS, RuntimeError):
        if writer is not None:
            writer.transport.abort()
        await connection.disconnect(nowait=True)


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
