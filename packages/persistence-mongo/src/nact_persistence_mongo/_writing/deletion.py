"""Deletes events. First a tombstone, then, from the beginning on, what lies before it: a reader sees no gap.

The documents stay, without their data, as husks: each keeps its number taken, so that a writer which is late, and knows
nothing of the deletion, can't use the number again.
"""

from __future__ import annotations

from typing import Any

from nact_persistence_mongo._connections.commands import Commands
from nact_persistence_mongo._connections.drivers import Document
from nact_persistence_mongo._connections.retry import Trying
from nact_persistence_mongo._reading.reader import Reader

_AT_ONCE = 2000
_IS_NO_HUSK: Document = {"is_husk": {"$exists": False}}
_MAKE_HUSK: list[Document] = [
    {"$replaceWith": {"_id": "$_id", "key": "$key", "sequence_number": "$sequence_number", "is_husk": True}}
]
_BURY = {
    "$set": {"is_deleted": True, "data": None, "tags": []},
    "$unset": {"data_json": "", "metadata": "", "metadata_json": ""},
}


class Deletion:
    """Deletes events.

    Args:
        commands: Write to the journal.
        reader: Tells what is stored.
        retry_for: For how many seconds each step is tried.
    """

    def __init__(self, commands: Commands, reader: Reader, retry_for: float) -> None:
        self._commands = commands
        self._reader = reader
        self._retry_for = retry_for

    async def delete(self, key: str, up_to: int) -> None:
        number = min(up_to, await self._reader.highest(key))
        document = await self._reader.holder(key, number) if number > 0 else None
        if document is None:
            return
        first = document["sequence_number"]
        query = {"key": key, "sequence_number": first, **_IS_NO_HUSK}
        if "events" in document:
            await self._update(True, {**query, "events": {"$exists": True}}, _bury_inside(number))
        else:
            await self._update(True, query, _BURY)
        await self._empty(key, first)

    async def _empty(self, key: str, before: int) -> None:
        """Makes husks of the documents before this number, some thousand at a time."""
        start = 1
        while numbers := await self._next(key, start, before):
            chosen = {"$gte": numbers[0], "$lte": numbers[-1]}
            await self._update(False, {"key": key, "sequence_number": chosen, **_IS_NO_HUSK}, _MAKE_HUSK)
            start = numbers[-1] + 1

    async def _next(self, key: str, start: int, before: int) -> list[int]:
        query = {"key": key, "sequence_number": {"$gte": start, "$lt": before}, **_IS_NO_HUSK}
        return await self._reader.numbers(query, _AT_ONCE)

    async def _update(self, is_one: bool, query: Document, update: Any) -> None:
        updates = [{"q": query, "u": update, "multi": not is_one}]
        await Trying(self._retry_for).run(lambda: self._commands.change("update", updates=updates))


def _bury_inside(number: int) -> list[Document]:
    """Of a document's events, this one becomes a tombstone, and those before it go."""
    is_kept = {"$gte": ["$$event.sequence_number", number]}
    kept = {"$filter": {"input": "$events", "as": "event", "cond": is_kept}}
    names = ("sequence_number", "event_id", "created_at")
    tombstone: Document = {name: f"$$event.{name}" for name in names} | {"tags": [], "data": None, "is_deleted": True}
    is_last = {"$eq": ["$$event.sequence_number", number]}
    changed = {"$cond": [is_last, tombstone, "$$event"]}
    return [{"$set": {"events": {"$map": {"input": kept, "as": "event", "in": changed}}}}]
