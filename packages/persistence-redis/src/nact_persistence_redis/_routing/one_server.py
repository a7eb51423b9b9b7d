"""One server, or the one that Sentinel calls the master now."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from redis.asyncio import Redis

from nact_persistence_redis._connections import driver
from nact_persistence_redis._connections.connections import Connections
from nact_persistence_redis._connections.driver import Pool


class OneServer:
    """One pool of connections.

    Args:
        pool: The connections.
        max_connections: How many are used at once. Closing this closes them; `None` if the pool belongs to a client
            that was passed in.
        sentinels: Clients of Sentinels, which this closes, too.
    """

    def __init__(self, pool: Pool, *, max_connections: int | None, sentinels: Sequence[Redis] = ()) -> None:
        self.connections = Connections(max_connections=max_connections)
        self._pool = pool
        self._is_ours = max_connections is not None
        self._sentinels = sentinels

    async def open(self) -> None:
        """Nothing needs to be found."""

    async def aclose(self) -> None:
        await self.connections.aclose()
        if self._is_ours:
            await driver.close(self._pool)
        for sentinel in self._sentinels:
            await driver.close(sentinel.connection_pool)

    def script_group(self, _name: bytes) -> Hashable:
        return None

    def pool(self, _name: bytes) -> Pool:
        return self._pool

    def pools(self) -> Sequence[Pool]:
        return [self._pool]

    def pool_at(self, _host: str, _port: int) -> Pool:
        return self._pool

    async def refresh(self, _name: bytes) -> None:
        """Does nothing: the pool asks Sentinel, or the name service, whenever it connects."""
