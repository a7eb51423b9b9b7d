"""Looks whether what a new document stands on is still there: the event before it, and the unique index."""

from __future__ import annotations

from enum import Enum, auto

from pymongo.errors import OperationFailure

from nact_persistence_mongo._connections.drivers import Database, Document

_BAD_VALUE = 2
_LAST = {"$ifNull": [{"$last": "$events.sequence_number"}, "$sequence_number"]}


class Ground(Enum):
    """What a look has found."""

    HOLDS = auto()
    """The document before ends where the new one begins, or there needn't be one."""
    GAP = auto()
    """It doesn't: somebody removed it."""
    NO_INDEX = auto()
    """Nothing decides between writers any more."""
    UNKNOWN = auto()
    """The server didn't tell."""


class Grounds:
    """Looks at places of one collection.

    Args:
        database: Where it is.
        collection: Its name.
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

    async def look(self, key: str, first: int) -> Ground:
        """Whether a document of this key that begins with this number may stand there.

        Raises:
            PyMongoError: The server didn't tell.
        """
        try:
            before = await self._last(key, first)
        except OperationFailure as error:
            if error.code != _BAD_VALUE:
                raise
            return Ground.NO_INDEX
        if first == 1:
            return Ground.HOLDS
        # Of a husk only the number is left. What made one of it knew of all that follows.
        if before is None or not (before.get("is_husk") or before["last"] == first - 1):
            return Ground.GAP
        return Ground.HOLDS

    async def _last(self, key: str, below: int) -> Document | None:
        query = {"key": key, "sequence_number": {"$lt": below}}
        found = await self._database.command({"find": self._collection, "filter": query, **self._options})
        documents: list[Document] = found["cursor"]["firstBatch"]
        return documents[0] if documents else None
