"""Stores and removes snapshots."""

from __future__ import annotations

from bson.raw_bson import RawBSONDocument
from pymongo.errors import DuplicateKeyError

from nact_persistence_mongo._commands import Commands
from nact_persistence_mongo._link import Trying


class Snapshots:
    """Writes snapshots, which `Reader` reads.

    Args:
        commands: Write to their collection.
        timeout: For how many seconds a write is tried.
    """

    def __init__(self, commands: Commands, timeout: float) -> None:
        self._commands = commands
        self._timeout = timeout

    async def put(self, key: str, number: int, document: RawBSONDocument) -> None:
        trying = Trying(self._timeout)
        place = {"key": key, "sequence_number": number}
        while not await trying.run(lambda: self._replace(place, document)):
            await trying.pause()

    async def delete(self, key: str, up_to: int) -> None:
        query = {"key": key, "sequence_number": {"$lte": up_to}}
        deletes = [{"q": query, "limit": 0}]
        await Trying(self._timeout).run(lambda: self._commands.change("delete", deletes=deletes))

    async def _replace(self, place: dict[str, object], document: RawBSONDocument) -> bool:
        """False if another writer inserted it in this very moment: now it can be replaced."""
        try:
            await self._commands.change("update", updates=[{"q": place, "u": document, "upsert": True}])
        except DuplicateKeyError:
            return False
        return True
