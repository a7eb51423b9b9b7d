"""Checks that what a new document relies on is still there: the document before it, and the unique index."""

from __future__ import annotations

from enum import Enum, auto

from pymongo.errors import OperationFailure

from nact_persistence_mongo._connections.drivers import Database
from nact_persistence_mongo._documents.codec import Document

_BAD_VALUE = 2
_LAST = {"$ifNull": [{"$last": "$events.sequence_number"}, "$sequence_number"]}


class Predecessor(Enum):
    """The result of a check."""

    FITS = auto()
    """The document before ends right before the new one, or none is needed."""
    MISSING = auto()
    """There is a gap before the new document: documents were removed."""
    NO_INDEX = auto()
    """The unique index, which decides between writers, is gone."""
    UNKNOWN = auto()
    """The server didn't tell."""


class Predecessors:
    """Checks places in one collection.

    Args:
        database: The collection's database.
        collection: The collection's name.
    """

    def __init__(self, database: Database, collection: str) -> None:
        self._database = database
        self._options: Document = {
            "sort": {"sequence_number": -1},
            "limit": 1,
            "singleBatch": True,
            "projection": {"_id": 0, "is_husk": 1, "last": _LAST},
            "hint": {"key": 1, "sequence_number": 1},  # refused by the server if there is no such index
        }
        self._collection = collection

    async def check(self, key: str, first: int) -> Predecessor:
        """Checks the place of a document of this key that begins with this number.

        Raises:
            PyMongoError: The server didn't tell.
        """
        try:
            before = await self._last(key, first)
        except OperationFailure as error:
            if error.code != _BAD_VALUE:
                raise
            return Predecessor.NO_INDEX
        if first == 1:
            return Predecessor.FITS
        # A husk doesn't tell where it ended. The deletion that made it found all that follows.
        if before is None or not (before.get("is_husk") or before["last"] == first - 1):
            return Predecessor.MISSING
        return Predecessor.FITS

    async def _last(self, key: str, below: int) -> Document | None:
        query = {"key": key, "sequence_number": {"$lt": below}}
        found = await self._database.command({"find": self._collection, "filter": query, **self._options})
        documents: list[Document] = found["cursor"]["firstBatch"]
        return documents[0] if documents else None
