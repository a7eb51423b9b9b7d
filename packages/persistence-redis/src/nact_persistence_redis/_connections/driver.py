"""The parts of redis-py that its documentation doesn't promise, each in a function of its own.

`pyproject.toml` bounds redis-py's version, and the tests of this module tell which part a new version changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from redis.asyncio import ConnectionPool, RedisCluster, Sentinel
from redis.asyncio import Redis as Client
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

from nact_persistence_redis._connections.encoding import Reply, packed
from nact_persistence_redis._connections.errors import DRIVER_ERRORS, as_redirection
from nact_persistence_redis._statements.scripts import Command

Pool: TypeAlias = ConnectionPool
Connection: TypeAlias = Any
"""An `AbstractConnection`; its methods have no types."""

_CAN_READ = "can_read" if hasattr(AbstractConnection, "can_read") else "can_read_destructive"  # before redis-py 8


async def take(pool: Pool) -> Connection:
    """A connection of the pool that nothing else uses. It is connected."""
    return await pool.get_connection()  # type: ignore[no-untyped-call]


async def close(pool: Pool) -> None:
    """Closes the pool's connections, also one that is silent, and one whose event loop was closed.

    TLS waits for the other side's farewell, and asyncio raises a `RuntimeError` for a loop that was closed.
    """
    with suppress(*DRIVER_ERRORS, RuntimeError):
        await pool.disconnect()


async def drop(connection: Connection) -> None:
    """Closes the connection at once, where asyncio would first send what the server hasn't taken yet."""
    writer = getattr(connection, "_writer", None)
    with suppress(*DRIVER_ERRORS, RuntimeError):
        if writer is not None:
            writer.transport.abort()
        await connection.disconnect(nowait=True)


async def is_usable(connection: Connection) -> bool:
    """Whether the server hasn't closed the connection, nor sent something unasked."""
    try:
        return connection.is_connected and not await getattr(connection, _CAN_READ)()
    except (RedisError, OSError):
        return False


async def replies(connection: Connection, commands: Sequence[Command]) -> list[Reply]:
    """Sends the commands at once, and returns the reply to each; one that is an error is returned, not raised."""
    # A health check might connect anew in here, to a server whose settings weren't looked at.
    await connection.send_packed_command(packed(commands), check_health=False)
    return [await _reply(connection) for _ in commands]


def on_connect(connection: Connection, callback: Callable[[Connection], None]) -> None:
    """Calls `callback`, a method, whenever the connection is made anew."""
    connection.register_connect_callback(callback)


def no_longer_on_connect(connection: Connection, callback: Callable[[Connection], None]) -> None:
    """Ends `on_connect`."""
    connection.deregister_connect_callback(callback)


def cluster_settings(client: RedisCluster) -> dict[str, Any]:
    """The arguments with which the client makes its connections."""
    return dict(client.get_connection_kwargs())


def cluster_nodes(client: RedisCluster) -> list[tuple[str, int, type[AbstractConnection]]]:
    """The host, the port and the kind of connection of each node that the client begins with."""
    nodes = client.nodes_manager.startup_nodes.values()
    return [(str(node.host), int(node.port), node.connection_class) for node in nodes]


def cluster_remap(client: RedisCluster) -> Callable[[tuple[str, int]], tuple[str, int]] | None:
    """The client's function that tells where a node really is, if it has one."""
    return client.nodes_manager.address_remap


def sentinel_clients(sentinel: Sentinel) -> Sequence[Client]:
    """The clients of the Sentinels themselves."""
    return sentinel.sentinels


async def _reply(connection: Connection) -> Reply:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return as_redirection(error)
