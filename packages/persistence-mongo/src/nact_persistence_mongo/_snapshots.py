"""Stores and removes snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bson.raw_bson import RawBSONDocument
from pymongo.errors import DuplicateKeyError

from nact_persistence_mongo._commands import Commands
from nact_persistence_mongo._errors import RefusedWriteError, refused
from nact_persistence_mongo._link import Trying


class Snapshots:
    """Writes snapshots, which `Reader` reads.

    Those of one key are written one after another: a write whose caller was cancelled goes on, and must not undo one
    that was begun after it.

    Args:
        commands: Write to their collection.
        retry_for: For how many seconds a write is tried.
    """

    def __init__(self, commands: Commands, retry_for: float) -> None:
        self._commands = commands
        self._retry_for = retry_for
        self._last: dict[str, asyncio.Future[None]] = {}

    async def put(self, key: str, number: int, document: RawBSONDocument) -> None:
        async with self._turn(key):
            trying = Trying(self._retry_for)
            while not await trying.run(lambda: self._replace(key, number, document, trying)):
                await trying.pause()

    async def delete(self, key: str, up_to: int) -> None:
        query = {"key": key, "sequence_number": {"$lte": up_to}}
        deletes = [{"q": query, "limit": 0}]
        async with self._turn(key):
            await Trying(self._retry_for).run(lambda: self._commands.change("delete", deletes=deletes))

    async def _replace(self, key: str, number: int, document: RawBSONDocument, trying: Trying) -> bool:
        """False if another writer inserted it in this very moment: now it can be replaced."""
        place = {"key": key, "sequence_number": number}
        try:
            await self._commands.change("update", updates=[{"q": place, "u": document, "upsert": True}])
        except DuplicateKeyError:
            return False
        except RefusedWriteError as refusal:
            what = f"snapshot {number} of key {key!r:.200}"
            raise refused(what, refusal, outcome_known=not trying.maybe_done) from refusal
        return True

    @asynccontextmanager
    async def _turn(self, key: str) -> AsyncIterator[None]:
        before = self._last.get(key)
        mine = self._last[key] = asyncio.get_running_loop().create_future()
        try:
            if before is not None:
                await asyncio.wait([before])
            yield
        finally:
            mine.set_result(None)
            if self._last[key] is mine:
                del self._last[key]
