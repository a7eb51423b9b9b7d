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
from nact_persistence_mongo._connections.retry import Trying
from nact_persistence_mongo._documents.decoding import revised_snapshot


class Snapshots:
    """Writes snapshots, which `Reader` reads.

    Those of one key are written one after another: a write whose caller was cancelled goes on, and must not undo one
    that was begun after it.

    Each write has a *revision*, a number higher than that of the writes before it, and replaces only a document with a
    lower one. So a write that was given up, and that the network delivers late, replaces nothing newer.

    Args:
        commands: Write to their collection.
        collection: The same, to be read.
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
            trying = Trying(self._retry_for)
            revision = self._next_revision()
            while not await trying.run(partial(self._replace, key, number, document, revision, trying)):
                revision = self._next_revision(await trying.run(lambda: self._stored_revision(key, number)))
                await trying.pause()

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
        query = {"key": key, "sequence_number": {"$lte": up_to}}
        deletes = [{"q": query, "limit": 0}]
        async with self._turn(key):
            await Trying(self._retry_for).run(lambda: self._commands.change("delete", deletes=deletes))

    async def _replace(self, key: str, number: int, document: bytes, revision: int, trying: Trying) -> bool:
        """False if a document of a higher revision stands there, or another writer inserted one in this very moment."""
        query = {"key": key, "sequence_number": number, "revision": {"$not": {"$gt": revision}}}
        revised = revised_snapshot(document, revision)
        try:
            await self._commands.change("update", updates=[{"q": query, "u": revised, "upsert": True}])
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
