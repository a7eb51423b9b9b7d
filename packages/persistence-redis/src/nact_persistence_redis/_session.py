"""What one event loop uses of an engine: its connections, its writer, its reader."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from nact_persistence_redis._durability import Durability, IfWeaker, Promise
from nact_persistence_redis._link import Link
from nact_persistence_redis._names import Names
from nact_persistence_redis._reader import Reader
from nact_persistence_redis._servers import Servers
from nact_persistence_redis._writer import Writer


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
    """Made in the event loop in which it is used; opened by its first use.

    Args:
        setup: The engine's options.
        servers: Where the keys are.
    """

    def __init__(self, setup: Setup, servers: Servers) -> None:
        self.loop = asyncio.get_running_loop()
        self.process = os.getpid()
        self.is_open = False
        promise = Promise(setup.durability, setup.if_weaker, setup.replicas, setup.timeout * 0.8)
        self._link = Link(servers, promise, setup.timeout, setup.retry_for)
        self.writer = Writer(self._link, setup.names, setup.max_batch)
        self.reader = Reader(self._link, setup.names)
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Returns when all servers were found and asked for their settings.

        Raises:
            EngineUnavailableError: They can't be reached, or promise less than they have to.
        """
        async with self._opening:
            if not self.is_open:
                await self._link.open()
                self.is_open = True

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes what was opened."""
        await self.writer.aclose()
        await self._link.aclose()

    def check_loop(self) -> None:
        """Returns if the session's event loop is this one, or isn't in use any more.

        Raises:
            RuntimeError: Otherwise.
        """
        if self.loop is not asyncio.get_running_loop() and self.loop.is_running():
            raise RuntimeError("the engine is in use by another event loop; make one for each")
