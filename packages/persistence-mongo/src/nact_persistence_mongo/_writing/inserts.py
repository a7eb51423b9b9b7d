"""Inserts documents that are BSON already, by a command of the engine's own.

The drivers' `insert_many` would walk over the documents once more, and keep a record of each. The engine doesn't need
what else it does: `ServerRetry` sends a write again that may have been lost, and its `event_id` tells if it was stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure, PyMongoError

from nact.errors import OutcomeUnknownError
from nact_persistence_mongo._connections.commands import Commands
from nact_persistence_mongo._connections.errors import OTHER_COLLECTION
from nact_persistence_mongo._documents.codec import Document
from nact_persistence_mongo._documents.encoding import MAX_DOCUMENT
from nact_persistence_mongo._writing.predecessors import Predecessor, Predecessors

_OVERHEAD = 16  # bytes of a command for each document


class Sized(Protocol):
    """An item with the estimated size of its document in bytes."""

    @property
    def size(self) -> int: ...


S = TypeVar("S", bound=Sized)


@dataclass(slots=True)
class Inserted:
    """The outcome of an insert.

    Attributes:
        failures: The server's reasons for the documents that it refused, by their places.
        is_confirmed: Whether as many members as required have the other documents.
        predecessor: The result of the check for one of the documents.
    """

    failures: Mapping[int, Document] = field(default_factory=dict)
    is_confirmed: bool = True
    predecessor: Predecessor = Predecessor.FITS


class Inserts:
    """Inserts into a collection.

    Args:
        commands: Commands that write to the collection.
        predecessors: Checks places in the collection.
    """

    def __init__(self, commands: Commands, predecessors: Predecessors) -> None:
        self._commands = commands
        self._predecessors = predecessors

    async def insert(self, documents: Sequence[RawBSONDocument], key: str, first: int) -> Inserted:
        """Inserts the documents, each on its own terms. Checks the predecessor of one of them at the same time.

        Args:
            documents: The documents, which fit into one command.
            key: The key of the document to be checked.
            first: The number of the document to be checked.

        Raises:
            PyMongoError: The server wasn't reached, or inserted none of them.
            OutcomeUnknownError: It isn't known which of them were inserted.
        """
        inserting = self._commands.write("insert", ordered=False, documents=documents)
        if self._commands.is_pinned:
            checking = asyncio.ensure_future(_result(self._predecessors.check(key, first)))
            try:
                answer, predecessor = await inserting, await checking
            finally:
                checking.cancel()
        else:  # the write may have made another collection on an older server, which only a later check can find
            answer = await inserting
            predecessor = await _result(self._predecessors.check(key, first))
        failures = {failure["index"]: failure for failure in answer.get("writeErrors", ())}
        _raise_if_replaced(answer, failures)
        return Inserted(failures, "writeConcernError" not in answer, predecessor)

    async def check(self, key: str, first: int) -> Predecessor:
        """Checks the predecessor of a document that was inserted.

        Raises:
            PyMongoError: The server didn't tell.
        """
        return await self._predecessors.check(key, first)


async def _result(checking: Awaitable[Predecessor]) -> Predecessor:
    try:
        return await checking
    except PyMongoError:
        return Predecessor.UNKNOWN


def _raise_if_replaced(answer: Document, failures: Mapping[int, Document]) -> None:
    for failure in failures.values():
        if failure["code"] == OTHER_COLLECTION:
            error = OperationFailure(failure.get("errmsg", ""), OTHER_COLLECTION, failure)
            if answer.get("n"):
                raise OutcomeUnknownError("the collection was dropped meanwhile") from error
            raise error


def portions(items: Sequence[S]) -> Iterator[Sequence[S]]:
    """The items, as many at a time as one command holds. A command may be hardly larger than a document."""
    start = size = 0
    for place, item in enumerate(items):
        size += item.size + _OVERHEAD
        if size > MAX_DOCUMENT and place > start:
            yield items[start:place]
            start, size = place, item.size + _OVERHEAD
    yield items[start:]
