"""Inserts documents that are BSON already, by the command itself.

The drivers' own `insert_many` would walk over them once more and keep a record of each. What it does beyond that isn't
needed: a write that may have been lost is sent again by `Trying`, and recognised by its `event_id`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bson.raw_bson import RawBSONDocument

from nact_persistence_mongo._documents import MAX_DOCUMENT
from nact_persistence_mongo._driver import Database, Document

_AROUND = 16  # bytes that a command needs for each document


@dataclass(slots=True)
class Inserted:
    """What became of documents.

    Attributes:
        failures: Of those that were refused: why, by their places.
        is_confirmed: Whether as many members as asked for have the others.
    """

    failures: dict[int, Document] = field(default_factory=dict)
    is_confirmed: bool = True


class Inserts:
    """Inserts into a collection.

    Args:
        database: Where it is.
        collection: Its name.
        w: How many members have a document before it is confirmed.
        journal: Whether it has to be in the journal on their disks.
    """

    def __init__(self, database: Database, collection: str, w: int | str, *, journal: bool) -> None:
        self._database = database
        self._command = {"insert": collection, "ordered": False, "writeConcern": {"w": w, "j": journal}}

    async def insert(self, documents: Sequence[RawBSONDocument]) -> Inserted:
        """Inserts each of them, or not.

        Raises:
            PyMongoError: The server wasn't reached, or took none of the last ones.
        """
        inserted = Inserted()
        start = 0
        for portion in _portions(documents):
            answer = await self._database.command({**self._command, "documents": portion})
            for failure in answer.get("writeErrors", ()):
                inserted.failures[start + failure["index"]] = failure
            inserted.is_confirmed &= "writeConcernError" not in answer
            start += len(portion)
        return inserted


def _portions(documents: Sequence[RawBSONDocument]) -> Iterator[Sequence[RawBSONDocument]]:
    """As many at a time as a command holds: it may be hardly larger than a document."""
    start = size = 0
    for place, document in enumerate(documents):
        size += len(document.raw) + _AROUND
        if size > MAX_DOCUMENT and place > start:
            yield documents[start:place]
            start, size = place, len(document.raw) + _AROUND
    yield documents[start:]
