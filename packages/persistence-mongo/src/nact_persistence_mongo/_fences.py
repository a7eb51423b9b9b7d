"""Makes writes impossible that were given up, but may still be on their way to the server.

A *fence* takes the place behind the end of a journal, and so a document that the network delivers late is refused as a
duplicate. It holds no event: reads pass over it, and the next writer puts its document in its place.
"""

from __future__ import annotations

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from nact.persistence.records import MAX_SEQUENCE_NUMBER
from nact_persistence_mongo._connections.commands import Commands
from nact_persistence_mongo._connections.drivers import Collection, Document
from nact_persistence_mongo._connections.retry import Trying
from nact_persistence_mongo._documents.decoding import end_of

LAST: Document = {"_id": 0, "sequence_number": 1, "events.sequence_number": 1, "fence": 1}
"""What of a journal's last document tells where it ends."""


class Fences:
    """Knows which keys have writes whose outcome isn't known, and settles it before they are read.

    Args:
        commands: Write to the journal.
        newest: The journal as the primary has it.
        retry_for: For how many seconds it is tried.
    """

    def __init__(self, commands: Commands, newest: Collection, retry_for: float) -> None:
        self._commands = commands
        self._newest = newest
        self._retry_for = retry_for
        self._doubts: dict[str, object] = {}
        self._standing: dict[str, tuple[int, object]] = {}

    def doubt(self, key: str) -> None:
        """A write to the key was given up, and may still take effect."""
        self._doubts[key] = object()

    def passed(self, key: str) -> None:
        """A document was stored at the end of the key's journal: one that was given up has no place any more."""
        self._doubts.pop(key, None)

    def doubted(self, prefix: str) -> list[str]:
        """The keys in doubt that begin like this."""
        return [key for key in self._doubts if key.startswith(prefix)]

    async def settle(self, key: str) -> None:
        """Returns when what is stored of the key is all that was ever sent, and what isn't never will be.

        Raises:
            NactError: The server can't be reached.
        """
        doubt = self._doubts.get(key)
        if doubt is None:
            return
        trying = Trying(self._retry_for, writes=False)
        while not await trying.run(lambda: self._put_up(key)):
            await trying.pause()
        if self._doubts.get(key) is doubt:
            del self._doubts[key]

    def note(self, key: str, last: Document | None) -> None:
        """Learns from the last document of a key whether it is a fence."""
        if last is not None and "fence" in last:
            self._standing[key] = last["sequence_number"], last["fence"]

    def take(self, key: str, number: int) -> object | None:
        """The mark of the fence that is known to stand there, which a document is to replace. Forgets it."""
        place, mark = self._standing.pop(key, (0, None)) if self._standing else (0, None)
        return mark if place == number else None

    async def replace(self, key: str, number: int, mark: object, document: object) -> bool:
        """Whether the document now stands where the fence stood. Another mark is another fence: this one is gone."""
        query = {"key": key, "sequence_number": number, "fence": mark}
        return await self._commands.change("update", updates=[{"q": query, "u": document}]) == 1

    async def _put_up(self, key: str) -> bool:
        """False if something came in between."""
        last = await self._newest.find_one({"key": key}, projection=LAST, sort=[("sequence_number", -1)])
        number, mark = end_of(key, last) + 1, ObjectId()
        if last is not None and "fence" in last:
            # The write that was given up may be one that is to replace this very fence.
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
