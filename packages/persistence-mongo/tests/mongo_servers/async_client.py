"""The engine on PyMongo's async client."""

from __future__ import annotations

import asyncio
from typing import Any

from pymongo import AsyncMongoClient

from nact_persistence_mongo import MongoPersistenceEngine


class EngineOnAsyncClient(MongoPersistenceEngine):
    """Closes the client after the engine: laws close only the engine."""

    def __init__(self, url: str, **options: Any) -> None:
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(url)
        super().__init__(self._client, **options)

    async def aclose(self) -> None:
        try:
            await super().aclose()
        finally:
            if self._client._loop in {None, asyncio.get_running_loop()}:  # it can't be closed elsewhere
                self._client._topology.pop_all_sessions()  # ending them needs the server, which may be silent
                await self._client.close()
