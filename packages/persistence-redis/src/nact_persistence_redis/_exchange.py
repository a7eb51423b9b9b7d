"""One round trip on one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeAlias

from redis.exceptions import AuthenticationError, BusyLoadingError, ResponseError

from nact_persistence_redis._errors import DRIVER_ERRORS, InterruptedExchange
from nact_persistence_redis._scripts import Command
from nact_persistence_redis._servers import Pool

Reply: TypeAlias = Any


async def exchange(pool: Pool, commands: Sequence[Command], timeout: float) -> list[Reply]:
    """The reply to each command, in order; one that is an error is returned, not raised.

    All are sent at once, once, whatever the client that gave the pool does about retries. A connection that is left in
    the middle, by an error or by a cancellation, is closed.

    Raises:
        InterruptedExchange: Not every reply was read. Its cause is the driver's error.
    """
    was_sent = False
    try:
        async with asyncio.timeout(timeout):
            connection = await pool.get_connection()  # type: ignore[no-untyped-call]
            try:
                packed = connection.pack_commands(commands)
                was_sent = True
                await connection.send_packed_command(packed)
                return [await _reply(connection) for _ in commands]
            except BaseException:
                await connection.disconnect(nowait=True)
                raise
            finally:
                await pool.release(connection)
    except DRIVER_ERRORS as error:
        was_executed = was_sent and not isinstance(error, AuthenticationError | BusyLoadingError)
        raise InterruptedExchange(was_executed) from error


async def _reply(connection: Any) -> Reply:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error
