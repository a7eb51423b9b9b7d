"""Stops writes that were given up but may still be on their way to the server.

A *fence* takes the place after the end of a journal, so that a document that the network delivers late is refused as a
duplicate. A fence holds no event: reads skip it, and the next writer replaces it by its own document.
"""

from __future__ import annotations

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from nact.persistence.records import MAX_SEQUENCE_NUMBER
from nact_persistence_mongo._connections.commands import Commands
from nact_persistence_mongo._connections.drivers import Collection
from nact_persistence_mongo._connections.retry import ServerRetry
from nact_persistence_mongo._documents.codec import Document
from nact_persistence_mongo._documents.decoding import LAST_FIELDS, end_of


class Fences:
    """Keeps track of the keys with writes of unknown outcome, and settles the outcome before a key is read.

    Args:
        commands: Commands that write to the journal.
        newest: The journal as the primary has it.
        retry_for: Seconds for which settling a key is tried.
    """

    def __init__(self, commands: Commands, newest: Collection, retry_for: float) -> None:
        self._commands = commands
        self._newest = newest
        self._retry_for = retry_for
        self._doubts: dict[str, object] = {}
        self._standing: dict[str, tuple[int, object]] = {}

    def doubt(self, key: str) -> None:
        """Notes that a write to the key was given up, and may still take effect."""
        self._doubts[key] = object()

    def passed(self, key: str) -> None:
        """Notes that a document was stored at the end of the key's journal, in the place of any that was given up."""
        self._doubts.pop(key, None)

    def doubted(self, prefix: str) -> list[str]:
        """The keys with writes of unknown outcome that begin with the prefix."""
        return [key for key in self._doubts if key.startswith(prefix)]

    async def settle(self, key: str) -> None:
        """Returns when no write to the key that was given up can take effect any more.

        Raises:
            NactError: The server can't be reached.
        """
        doubt = self._doubts.get(key)
        if doubt is None:
            return
        retry = ServerRetry(self._retry_for, writes=False)
        while not await retry.run(lambda: self._put_up(key)):
            await retry.pause()
        if self._doubts.get(key) is doubt:
            del self._doubts[key]

    def note(self, key: str, last: Document | None) -> None:
        """Remembers the last document of a key's journal if it is a fence."""
        if last is not None and "fence" in last:
            self._standing[key] = last["sequence_number"], last["fence"]

    def take(self, key: str, number: int) -> object | None:
        """The mark of the fence that is known to stand at this number, for a document to replace it. Forgets it."""
        place, mark = self._standing.pop(key, (0, None)) if self._standing else (0, None)
        return mark if place == number else None

    async def replace(self, key: str, number: int, mark: object, document: object) -> bool:
        """Replaces the fence by the document. False if the fence is gone; one with another mark is another fence."""
        query = {"key": key, "sequence_number": number, "fence": mark}
        return await self._commands.change("update", updates=[{"q": query, "u": document}]) == 1

    async def _put_up(self, key: str) -> bool:
        """Makes or renews the fence. False if another writer was faster."""
        last = await self._newest.find_one({"key": key}, projection=LAST_FIELDS, sort=[("sequence_number", -1)])
        number, mark = end_of(key, last) + 1, ObjectId()
        if last is not None and "fence" in last:
            # The write that was given up may be one that replaces this very fence.
            changed = await self.replace(key, number, last["fence"], {"$set": {"fence": mark}})
        else:
            changed = number > MAX_SEQUENCE_NUMBER or await self._insert(key, number, mark)
        if changed:
            self._standing[key] = number, mark
        return changed

    async def _insert(self, key: str, number: int, mark: ObjectId) -> bool:
        document = {"key": key, "sequence_number": number, "is_husk": True, "fence": mark}
        try:
            return await self._commands.change("insert", documents=[document]) == 1
        except DuplicateKeyError:
            return False
