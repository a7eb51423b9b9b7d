"""Writes to one collection by commands of the engine's own.

The drivers send a command only once, so an error tells what became of *this* attempt. And a command can name the
collection by its UUID, which the drivers' methods can't: if the collection was dropped, the server refuses the command,
where it would otherwise make another collection, without the index that decides between writers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import DuplicateKeyError, OperationFailure, WriteConcernError

from nact_persistence_mongo._connections.drivers import Database
from nact_persistence_mongo._connections.errors import (
    RefusedWriteError,
    is_passing_code,
    is_place_taken,
    is_unbegun_code,
)
from nact_persistence_mongo._documents.codec import Document


class Commands:
    """Commands that write to a collection.

    Args:
        database: The collection's database.
        collection: The collection's name.
        w: How many members must have a write before it is confirmed.
        journal: Whether these members must have it in their on-disk journals.
    """

    def __init__(self, database: Database, collection: str, w: int | str, *, journal: bool) -> None:
        self._database = database
        self._collection = collection
        self._options: Document = {"writeConcern": {"w": w, "j": journal}}

    @property
    def is_pinned(self) -> bool:
        """Whether the server refuses commands unless the collection is the one that was opened."""
        return "collectionUUID" in self._options

    def pin(self, uuid: object) -> None:
        """Makes all later commands name the collection by this UUID, too."""
        self._options["collectionUUID"] = uuid

    async def write(self, name: str, **fields: Any) -> Document:
        """The server's answer, which may report failures.

        Raises:
            PyMongoError: The server refused the command, or wasn't reached.
        """
        return await self._database.command({name: self._collection, **fields, **self._options})

    async def change(self, name: str, **fields: Any) -> int:
        """The number of documents that matched. All of them are as durable as the write concern says, changed or not.

        Raises:
            DuplicateKeyError: There is a document of this key and number.
            RefusedWriteError: The server's rules refuse the one document.
            PyMongoError: The server refused the command, wasn't reached, or too few members confirmed the write.
        """
        answer = await self.write(name, **fields)
        for failure in answer.get("writeErrors", ()):
            raise _kind_of(failure, fields)(failure.get("errmsg", "it refused"), failure["code"], failure)
        _check_confirmed(answer)
        return int(answer["n"])

    async def confirm(self, keys: list[str]) -> None:
        """Returns when everything that is stored of these keys is as durable as the write concern says.

        A write that changes nothing waits for all writes before it, on the disk and on the other members. A read
        doesn't.
        """
        place = {"sequence_number": 0}
        await self.change("update", updates=[{"q": {"key": key, **place}, "u": {"$set": place}} for key in keys])


def _kind_of(failure: Mapping[str, Any], fields: Mapping[str, Any]) -> type[OperationFailure]:
    if is_place_taken(failure):
        return DuplicateKeyError
    statements = fields.get("documents") or fields.get("updates") or fields.get("deletes") or []
    is_one = len(statements) == 1 and not statements[0].get("multi") and statements[0].get("limit") != 0
    is_rule = not is_passing_code(failure) and not is_unbegun_code(failure)
    return RefusedWriteError if is_one and is_rule else OperationFailure


def _check_confirmed(answer: Mapping[str, Any]) -> None:
    failure = answer.get("writeConcernError")
    if failure is not None:
        raise WriteConcernError(failure.get("errmsg", "too few members"), failure.get("code"), dict(answer))
