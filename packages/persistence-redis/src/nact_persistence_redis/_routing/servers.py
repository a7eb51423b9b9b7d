"""Which server has a key, and the connections to it: one server (or what Sentinel calls one), or a cluster."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

from redis.asyncio import Redis

from nact_persistence_redis._connections.connections import Lines, Pool, close


class Servers(Protocol):
    """Where the keys are. Knows no command but those that find this out."""

    @property
    def lines(self) -> Lines:
        """The way to make round trips to them."""
        ...

    async def open(self) -> None:
        """Finds the servers."""
        ...

    async def aclose(self) -> None:
        """Closes what was opened here, and nothing that was given."""
        ...

    def together(self, name: bytes) -> Hashable:
        """Names for which this is equal can be in one script."""
        ...

    def pool(self, name: bytes) -> Pool:
        """The connections to the server that has this name, as far as is known. It stands for the server, too."""
        ...

    def pools(self) -> Sequence[Pool]:
        """All servers that have keys."""
        ...

    def pool_at(self, host: str, port: int) -> Pool:
        """The server to which another one sent us."""
        ...

    async def look_again(self, name: bytes) -> None:
        """Finds out anew which server has this name. Raises nothing."""
        ...


class OneServer:
    """One pool of connections. Behind it is a server, or the one that Sentinel calls the master now.

    Args:
        pool: The connections.
        max_connections: So many are used at once, and closing this closes them; `None` if they are somebody else's.
        watchers: Clients of Sentinels, which this closes, too.
    """

    def __init__(self, pool: Pool, *, max_connections: int | None, watchers: Sequence[Redis] = ()) -> None:
        self.lines = Lines(at_most=max_connections)
        self._pool = pool
        self._is_ours = max_connections is not None
        self._watchers = watchers

    async def open(self) -> None:
        """Nothing needs to be found."""

    async def aclose(self) -> None:
        await self.lines.aclose()
        if self._is_ours:
            await close(self._pool)
        for watcher in self._watchers:
            await close(watcher.connection_pool)

    def together(self, _name: bytes) -> Hashable:
        return None

    def pool(self, _name: bytes) -> Pool:
        return self._pool

    def pools(self) -> Sequence[Pool]:
        return [self._pool]

    def pool_at(self, _host: str, _port: int) -> Pool:
        return self._pool

    async def look_again(self, _name: bytes) -> None:
        """The pool asks Sentinel, or the name service, whenever it connects."""
