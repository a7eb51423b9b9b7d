"""Stores and removes snapshots."""

from __future__ import annotations

from bson.raw_bson import RawBSONDocument
from pymongo.errors import DuplicateKeyError

from nact_persistence_mongo._driver import Collection
from nact_persistence_mongo._link import Trying


class Snapshots:
    """Writes snapshots, which `Reader` reads.

    Args:
        collection: Where.
        timeout: For how many seconds a write is tried.
    """

    def __init__(self, collection: Collection, timeout: float) -> None:
        self._collection = collection
        self._timeout = timeout

    async def put(self, key: str, number: int, document: RawBSONDocument) -> None:
        trying = Trying(self._timeout)
        place = {"key": key, "sequence_number": number}
        while not await trying.run(lambda: self._replace(place, document)):
            await trying.pause()

    async def delete(self, key: str, up_to: int) -> None:
        query = {"key": key, "sequence_number": {"$lte": up_to}}
        await Trying(self._timeout).run(lambda: self._collection.delete_many(query))

    async def _replace(self, place: dict[str, object], document: RawBSONDocument) -> bool:
        """False if another writer inserted it in this very moment: now it can be replaced."""
        try:
            await self._collection.replace_one(place, document, upsert=True)
        except DuplicateKeyError:
            return False
        return True
