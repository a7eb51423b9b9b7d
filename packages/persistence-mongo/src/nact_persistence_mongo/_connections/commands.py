"""Writes to one collection, by the commands themselves, and to this collection only, whatever takes its name later.

The drivers send no command twice, so an error tells what became of *the* attempt. And a command can name the
collection by its UUID, which the drivers' methods can't: a collection that was dropped is then missed, where the server
would make another one, without the index that decides between writers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import DuplicateKeyError, OperationFailure, WriteConcernError

from nact_persistence_mongo._connections.drivers import Database, Document
from nact_persistence_mongo._connections.errors import (
    RefusedWriteError,
    is_passing_code,
    is_place_taken,
    is_unbegun_code,
)


class Commands:
    """Commands that write.

    Args:
        database: Where the collection is.
        collection: Its name.
        w: How many members have a write before it is confirmed.
        journal: Whether it has to be in the journal on their disks.
    """

    def __init__(self, database: Database, collection: str, w: int | str, *, journal: bool) -> None:
        self._database = database
        self._collection = collection
        self._options: Document = {"writeConcern": {"w": w, "j": journal}}

    @property
    def is_pinned(self) -> bool:
        """Whether the server refuses what isn't for the very collection that was opened."""
        return "collectionUUID" in self._options

    def pin(self, uuid: object) -> None:
        """From now on the collection with this UUID is meant, and no other of the same name."""
        self._options["collectionUUID"] = uuid

    async def write(self, name: str, **fields: Any) -> Document:
        """What the server answers, which may tell of failures.

        Raises:
            PyMongoError: It refused, or wasn't reached.
        """
        return await self._database.command({name: self._collection, **fields, **self._options})

    async def change(self, name: str, **fields: Any) -> int:
        """How many documents it concerned. They are as durable as the write concern says, also those that stayed.

        Raises:
            DuplicateKeyError: There is one of this key and number.
            RefusedWriteError: The server's rules don't let the one document in.
            PyMongoError: The server refused, or wasn't reached, or too few members confirmed.
        """
        answer = await self.write(name, **fields)
        for failure in answer.get("writeErrors", ()):
            raise _kind_of(failure, fields)(failure.get("errmsg", "it refused"), failure["code"], failure)
        raise_unconfirmed(answer)
        return int(answer["n"])

    async def confirm(self, keys: list[str]) -> None:
        """Returns when all that was stored so far of these keys is as durable as the write concern says.

        A write that changes nothing waits for all before it, on the disk and on the other members. A read doesn't.
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


def raise_unconfirmed(answer: Mapping[str, Any]) -> None:
    """Returns if as many members as asked for have it.

    Raises:
        WriteConcernError: Otherwise.
    """
    failure = answer.get("writeConcernError")
    if failure is not None:
        raise WriteConcernError(failure.get("errmsg", "too few members"), failure.get("code"), dict(answer))
