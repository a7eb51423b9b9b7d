"""Deletes events: first makes the tombstone, then, from the beginning on, empties what lies before it.

So a reader sees no gap at any time. The documents stay as *husks*, without their data. Each keeps its number taken, so
that a slow writer that doesn't know of the deletion can't use the number again.
"""

from __future__ import annotations

from typing import Any

from nact_persistence_mongo._connections.commands import Commands
from nact_persistence_mongo._connections.retry import ServerRetry
from nact_persistence_mongo._documents.codec import Document
from nact_persistence_mongo._reading.reader import Reader

_AT_ONCE = 2000
_IS_NO_HUSK: Document = {"is_husk": {"$exists": False}}
_TO_HUSK: list[Document] = [
    {"$replaceWith": {"_id": "$_id", "key": "$key", "sequence_number": "$sequence_number", "is_husk": True}}
]
_TO_TOMBSTONE: Document = {
    "$set": {"is_deleted": True, "data": None, "tags": []},
    "$unset": {"data_json": "", "metadata": "", "metadata_json": ""},
}


class Deletion:
    """Deletes events.

    Args:
        commands: Commands that write to the journal.
        reader: Tells what is stored.
        retry_for: Seconds for which each step is tried.
    """

    def __init__(self, commands: Commands, reader: Reader, retry_for: float) -> None:
        self._commands = commands
        self._reader = reader
        self._retry_for = retry_for

    async def delete(self, key: str, up_to: int) -> None:
        """Deletes the key's events up to this number, or to the last one if that is lower.

        Raises:
            NactError: The server can't be reached, or refuses. Some of the events may be deleted.
        """
        number = min(up_to, await self._reader.highest(key))
        document = await self._reader.holder(key, number) if number > 0 else None
        if document is None:
            return
        first = document["sequence_number"]
        query = {"key": key, "sequence_number": first, **_IS_NO_HUSK}
        if "events" in document:
            await self._update(True, {**query, "events": {"$exists": True}}, _to_tombstone_inside(number))
        else:
            await self._update(True, query, _TO_TOMBSTONE)
        await self._empty(key, first)

    async def _empty(self, key: str, before: int) -> None:
        """Makes husks of the documents before this number, `_AT_ONCE` at a time."""
        start = 1
        while numbers := await self._next(key, start, before):
            chosen = {"$gte": numbers[0], "$lte": numbers[-1]}
            await self._update(False, {"key": key, "sequence_number": chosen, **_IS_NO_HUSK}, _TO_HUSK)
            start = numbers[-1] + 1

    async def _next(self, key: str, start: int, before: int) -> list[int]:
        query = {"key": key, "sequence_number": {"$gte": start, "$lt": before}, **_IS_NO_HUSK}
        return await self._reader.numbers(query, _AT_ONCE)

    async def _update(self, is_one: bool, query: Document, update: Any) -> None:
        updates = [{"q": query, "u": update, "multi": not is_one}]
        await ServerRetry(self._retry_for).run(lambda: self._commands.change("update", updates=updates))


def _to_tombstone_inside(number: int) -> list[Document]:
    """An update that makes a tombstone of one of a document's events, and removes those before it."""
    is_kept = {"$gte": ["$$event.sequence_number", number]}
    kept = {"$filter": {"input": "$events", "as": "event", "cond": is_kept}}
    names = ("sequence_number", "event_id", "created_at")
    tombstone: Document = {name: f"$$event.{name}" for name in names} | {"tags": [], "data": None, "is_deleted": True}
    is_last = {"$eq": ["$$event.sequence_number", number]}
    changed = {"$cond": [is_last, tombstone, "$$event"]}
    return [{"$set": {"events": {"$map": {"input": kept, "as": "event", "in": changed}}}}]
