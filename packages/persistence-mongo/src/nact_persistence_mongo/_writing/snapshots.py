"""Stores and removes snapshots."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from pymongo.errors import DuplicateKeyError

from nact.persistence.building.json_data import MAX_INT
from nact_persistence_mongo._connections.commands import Commands
from nact_persistence_mongo._connections.drivers import Collection
from nact_persistence_mongo._connections.errors import RefusedWriteError, refused
from nact_persistence_mongo._connections.retry import ServerRetry
from nact_persistence_mongo._documents.encoding import revised_snapshot


class Snapshots:
    """Writes snapshots.

    Those of one key are written one after another: a write whose caller was cancelled goes on, and must not undo one
    that began after it.

    Each write has a *revision*, a number above those of the writes before it, and replaces only a document with a lower
    one. So a write that was given up, and that the network delivers late, replaces nothing newer.

    Args:
        commands: Commands that write to the snapshots' collection.
        collection: The same collection, for reading.
        retry_for: Seconds for which a write is tried.
    """

    def __init__(self, commands: Commands, collection: Collection, retry_for: float) -> None:
        self._commands = commands
        self._collection = collection
        self._retry_for = retry_for
        self._last: dict[str, asyncio.Future[None]] = {}
        self._revision = 0

    async def put(self, key: str, number: int, document: bytes) -> None:
        """Stores the document in place of the one of this key and number."""
        async with self._turn(key):
            retry = ServerRetry(self._retry_for)
            revision = self._next_revision()
            while not await retry.run(partial(self._replace, key, number, document, revision, retry)):
                revision = self._next_revision(await retry.run(lambda: self._stored_revision(key, number)))
                await retry.pause()

    def _next_revision(self, stored: int = 0) -> int:
        """A revision above those that this engine gave, and above the stored one: another clock may be ahead."""
        self._revision = min(max(time.time_ns(), self._revision + 1, stored + 1), MAX_INT)
        return self._revision

    async def _stored_revision(self, key: str, number: int) -> int:
        place = {"key": key, "sequence_number": number}
        found = await self._collection.find_one(place, projection={"_id": 0, "revision": 1})
        revision = found and found.get("revision")
        return revision if type(revision) is int else 0

    async def delete(self, key: str, up_to: int) -> None:
        """Removes the key's snapshots up to this number."""
        query = {"key": key, "sequence_number": {"$lte": up_to}}
        deletes = [{"q": query, "limit": 0}]
        async with self._turn(key):
            await ServerRetry(self._retry_for).run(lambda: self._commands.change("delete", deletes=deletes))

    async def _replace(self, key: str, number: int, document: bytes, revision: int, retry: ServerRetry) -> bool:
        """Stores the document. False if one with a higher revision is stored, or was inserted at the same moment."""
        query = {"key": key, "sequence_number": number, "revision": {"$not": {"$gt": revision}}}
        revised = revised_snapshot(document, revision)
        try:
            await self._commands.change("update", updates=[{"q": query, "u": revised, "upsert": True}])
        except DuplicateKeyError:
            return False
        except RefusedWriteError as refusal:
            what = f"snapshot {number} of key {key!r:.200}"
            raise refused(what, refusal, outcome_known=not retry.in_doubt) from refusal
        return True

    @asynccontextmanager
    async def _turn(self, key: str) -> AsyncIterator[None]:
        """Waits for the key's earlier writes, and makes later ones wait for the block."""
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
