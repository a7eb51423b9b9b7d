"""What one event loop uses of an engine: its client, its writer, its reader."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from nact.persistence import GroupCommit
from nact_persistence_mongo._deletion import Deletion
from nact_persistence_mongo._driver import Databases, Source, check_loop
from nact_persistence_mongo._inserts import Inserts
from nact_persistence_mongo._link import InFlight, Trying
from nact_persistence_mongo._reader import Reader
from nact_persistence_mongo._schema import prepare
from nact_persistence_mongo._seen import Seen
from nact_persistence_mongo._sizes import Sizes
from nact_persistence_mongo._snapshots import Snapshots
from nact_persistence_mongo._writer import Append, Writer

_LANES = 2
"""So many batches are in flight at once, of different keys: one is worked on while the other becomes durable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The engine's options; see `MongoPersistenceEngine`."""

    source: str | Source
    database: str | None
    event_collection: str
    snapshot_collection: str
    create_if_not_exists: bool
    w: int | str
    journal: bool
    timeout: float
    max_batch: int


class Session:
    """Made in the event loop in which it is used."""

    def __init__(self, setup: Setup) -> None:
        if not isinstance(setup.source, str):
            check_loop(setup.source)
        self._setup = setup
        self._databases = Databases(setup.source, setup.database, setup.w, setup.journal)
        collections = self._databases.collections(setup.event_collection, setup.snapshot_collection)
        seen, sizes = Seen(), Sizes()
        self._collections = collections
        self.in_flight = InFlight()
        self.reader = Reader(collections, seen, sizes, setup.timeout)
        inserts = Inserts(self._databases.database, setup.event_collection, setup.w, journal=setup.journal)
        writer = Writer(inserts, self.reader, seen, sizes, self.in_flight, timeout=setup.timeout)
        self._lanes = [GroupCommit(writer.write, max_items=setup.max_batch) for _ in range(_LANES)]
        self.deletion = Deletion(collections.events, self.reader, setup.timeout)
        self.snapshots = Snapshots(collections.snapshots, setup.timeout)

    async def open(self) -> None:
        """Returns when the collections are there.

        Raises:
            EngineUnavailableError: The server can't be reached.
            CorruptJournalError: They aren't such as hold a journal.
        """
        trying = Trying(self._setup.timeout, writes=False)
        create = self._setup.create_if_not_exists
        used = [self._collections.events, self._collections.snapshots]
        await prepare(self._databases.database, used, trying, create=create)

    def persist(self, item: Append) -> asyncio.Future[None]:
        """Await what this returns; it raises the item's outcome. Items of one key keep their order."""
        return self._lanes[hash(item.key) % _LANES].submit(item, size=item.size)

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes what was opened."""
        for lane in self._lanes:
            await lane.aclose()
        await self.in_flight.all_settled()
        await self._databases.aclose()
