"""An engine's connections, writer and reader in one event loop."""

from __future__ import annotations

import asyncio

from nact_persistence_redis._reading.reader import Reader
from nact_persistence_redis._routing.durability import DurabilityPolicy
from nact_persistence_redis._routing.router import Router
from nact_persistence_redis._routing.servers import Servers
from nact_persistence_redis._settings import Settings
from nact_persistence_redis._writing.writer import Writer

_CONFIRMATION_SHARE = 0.7
"""The part of a round trip's time that the server may wait for a confirmation."""


class Session:
    """Made in the event loop in which it is used.

    Args:
        settings: The engine's options.
        servers: The servers that have the keys.
    """

    def __init__(self, settings: Settings, servers: Servers) -> None:
        wait = settings.timeout * _CONFIRMATION_SHARE
        policy = DurabilityPolicy(settings.durability, settings.if_weaker, settings.replicas, wait)
        self._loop = asyncio.get_running_loop()
        self._router = Router(servers, policy, settings.timeout, settings.retry_for)
        self.writer = Writer(self._router, settings.names, settings.max_batch)
        self.reader = Reader(self._router, settings.names)

    async def open(self) -> None:
        """Returns when all servers were found and their settings were looked at.

        Raises:
            EngineUnavailableError: They can't be reached, or promise less than they have to.
        """
        await self._router.open()

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes what was opened."""
        if asyncio.get_running_loop() is self._loop:
            await self.writer.aclose()
            await self._router.aclose()
        else:  # its loop was closed, and everything in flight ended with it
            await self._router.servers.aclose()
