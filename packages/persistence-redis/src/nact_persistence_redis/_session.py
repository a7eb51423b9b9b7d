"""What one event loop uses of an engine: its connections, its writer, its reader."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from nact_persistence_redis._reading.reader import Reader
from nact_persistence_redis._routing.durability import Durability, IfWeaker, Promise
from nact_persistence_redis._routing.router import Link
from nact_persistence_redis._routing.servers import Servers
from nact_persistence_redis._statements.names import Names
from nact_persistence_redis._writing.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The engine's options; see `RedisPersistenceEngine`."""

    names: Names
    durability: Durability
    if_weaker: IfWeaker
    replicas: int
    timeout: float
    retry_for: float
    max_batch: int


class Session:
    """Made in the event loop in which it is used.

    Args:
        setup: The engine's options.
        servers: Where the keys are.
    """

    def __init__(self, setup: Setup, servers: Servers) -> None:
        promise = Promise(setup.durability, setup.if_weaker, setup.replicas, setup.timeout * 0.7)
        self._loop = asyncio.get_running_loop()
        self._link = Link(servers, promise, setup.timeout, setup.retry_for)
        self.writer = Writer(self._link, setup.names, setup.max_batch)
        self.reader = Reader(self._link, setup.names)

    async def open(self) -> None:
        """Returns when all servers were found and asked for their settings.

        Raises:
            EngineUnavailableError: They can't be reached, or promise less than they have to.
        """
        await self._link.open()

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes what was opened."""
        if asyncio.get_running_loop() is self._loop:
            await self.writer.aclose()
            await self._link.aclose()
        else:  # its loop was closed, and with it ended whatever was in flight
            await self._link.servers.aclose()
