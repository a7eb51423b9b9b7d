"""Inserts documents that are BSON already, by the command itself.

The drivers' own `insert_many` would walk over them once more and keep a record of each. What it does beyond that isn't
needed: a write that may have been lost is sent again by `Trying`, and recognised by its `event_id`.
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
from nact_persistence_mongo._connections.drivers import Document
from nact_persistence_mongo._connections.errors import OTHER_COLLECTION
from nact_persistence_mongo._documents.decoding import MAX_DOCUMENT
from nact_persistence_mongo._writing.predecessors import Ground, Grounds

_AROUND = 16  # bytes that a command needs for each document


class Sized(Protocol):
    """Knows about how many bytes its document has."""

    @property
    def size(self) -> int: ...


S = TypeVar("S", bound=Sized)


@dataclass(slots=True)
class Inserted:
    """What became of documents.

    Attributes:
        failures: Of those that were refused: why, by their places.
        is_confirmed: Whether as many members as asked for have the others.
        ground: What one of them stands on.
    """

    failures: Mapping[int, Document] = field(default_factory=dict)
    is_confirmed: bool = True
    ground: Ground = Ground.HOLDS


class Inserts:
    """Inserts into a collection.

    Args:
        commands: Write to it.
        grounds: Look at it.
    """

    def __init__(self, commands: Commands, grounds: Grounds) -> None:
        self._commands = commands
        self._grounds = grounds

    async def insert(self, documents: Sequence[RawBSONDocument], key: str, first: int) -> Inserted:
        """Inserts each of them, or not; they fit into one command. Looks meanwhile what one of them stands on.

        Args:
            documents: They.
            key: That of the one.
            first: The number with which it begins.

        Raises:
            PyMongoError: The server wasn't reached, or took none of them.
            EngineUnavailableError: It isn't known how many it took.
        """
        inserting = self._commands.write("insert", ordered=False, documents=documents)
        if self._commands.is_pinned:
            looking = asyncio.ensure_future(_found(self._grounds.look(key, first)))
            try:
                answer, ground = await inserting, await looking
            finally:
                looking.cancel()
        else:  # an older server may just have made another collection: only a look behind the write tells
            answer = await inserting
            ground = await _found(self._grounds.look(key, first))
        failures = {failure["index"]: failure for failure in answer.get("writeErrors", ())}
        _raise_if_replaced(answer, failures)
        return Inserted(failures, "writeConcernError" not in answer, ground)

    async def look(self, key: str, first: int) -> Ground:
        """What a document that was inserted stands on.

        Raises:
            PyMongoError: The server didn't tell.
        """
        return await self._grounds.look(key, first)


async def _found(looking: Awaitable[Ground]) -> Ground:
    try:
        return await looking
    except PyMongoError:
        return Ground.UNKNOWN


def _raise_if_replaced(answer: Document, failures: Mapping[int, Document]) -> None:
    for failure in failures.values():
        if failure["code"] == OTHER_COLLECTION:
            error = OperationFailure(failure.get("errmsg", ""), OTHER_COLLECTION, failure)
            if answer.get("n"):
                raise OutcomeUnknownError("the collection was dropped meanwhile") from error
            raise error


def portions(items: Sequence[S]) -> Iterator[Sequence[S]]:
    """As many at a time as a command holds: it may be hardly larger than a document."""
    start = size = 0
    for place, item in enumerate(items):
        size += item.size + _AROUND
        if size > MAX_DOCUMENT and place > start:
            yield items[start:place]
            start, size = place, item.size + _AROUND
    yield items[start:]
