"""The part of an engine that belongs to one event loop: its client, its writers, its reader."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from nact.persistence.building.group_commit import GroupCommit
from nact.persistence.building.in_flight import InFlight
from nact.persistence.building.last_numbers import LastNumbers
from nact_persistence_mongo._connections.commands import Commands
from nact_persistence_mongo._connections.drivers import Databases, Source, check_loop
from nact_persistence_mongo._connections.retry import ServerRetry
from nact_persistence_mongo._fences import Fences
from nact_persistence_mongo._reading.page_sizes import PageSizes
from nact_persistence_mongo._reading.reader import Reader
from nact_persistence_mongo._schema import prepare
from nact_persistence_mongo._writing.appends import Append
from nact_persistence_mongo._writing.commits import Commits
from nact_persistence_mongo._writing.deletion import Deletion
from nact_persistence_mongo._writing.inserts import Inserts
from nact_persistence_mongo._writing.journal_writer import JournalWriter
from nact_persistence_mongo._writing.predecessors import Predecessors
from nact_persistence_mongo._writing.snapshots import Snapshots

_BATCHES_IN_FLIGHT = 2
"""One batch is prepared while the other becomes durable. A key's writes always go into the same one of the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The engine's options, checked: see `MongoPersistenceEngine`. The collections' names have the prefix."""

    source: str | Source
    database: str | None
    event_collection: str
    snapshot_collection: str
    create_if_not_exists: bool
    w: int | str
    journal: bool
    retry_for: float
    max_batch: int


class Session:
    """Made in the event loop in which it is used.

    Args:
        setup: The engine's options.
        former: The session before this one, which may have been left open in an event loop that was closed.
    """

    def __init__(self, setup: Setup, former: Session | None = None) -> None:
        self._former = former
        if not isinstance(setup.source, str):
            check_loop(setup.source)
        self._setup = setup
        self._databases = Databases(setup.source, setup.database, setup.w, setup.journal)
        collections = self._databases.collections(setup.event_collection, setup.snapshot_collection)
        self._collections = collections
        self._events = self._commands(setup.event_collection)
        self._snapshots = self._commands(setup.snapshot_collection)
        last_numbers, sizes = LastNumbers(), PageSizes()
        self.in_flight = InFlight()
        self._fences = Fences(self._events, collections.newest_events, setup.retry_for)
        self.reader = Reader(collections, last_numbers, self._fences, sizes, setup.retry_for)
        inserts = Inserts(self._events, Predecessors(self._databases.database, setup.event_collection))
        writer = JournalWriter(self._events, inserts, self._fences, last_numbers, sizes)
        commits = Commits(writer, self.reader, last_numbers, self._fences, self.in_flight, retry_for=setup.retry_for)
        self._group_commits = [GroupCommit(commits.write, max_items=setup.max_batch) for _ in range(_BATCHES_IN_FLIGHT)]
        self.deletion = Deletion(self._events, self.reader, setup.retry_for)
        self.snapshots = Snapshots(self._snapshots, collections.snapshots, setup.retry_for)

    def _commands(self, collection: str) -> Commands:
        setup = self._setup
        return Commands(self._databases.database, collection, setup.w, journal=setup.journal)

    async def open(self) -> None:
        """Makes the collections ready for use.

        Raises:
            EngineUnavailableError: The server can't be reached.
            CorruptJournalError: A collection can't hold a journal.
        """
        if self._former is not None:
            await self._former.abandon()
            self._former = None
        retry = ServerRetry(self._setup.retry_for, writes=False, whole=True)
        create = self._setup.create_if_not_exists
        used = [self._collections.events, self._collections.snapshots]
        uuids = await prepare(self._databases.database, used, retry, create=create)
        for collection, commands in zip(used, (self._events, self._snapshots), strict=True):
            if collection.name in uuids:
                commands.pin(uuids[collection.name])

    async def settled(self, key: str) -> None:
        """Returns when no write to the key is under way, and none that was given up can still take effect."""
        await self.in_flight.settled(key)
        await self._fences.settle(key)

    async def all_settled(self, prefix: str) -> None:
        """Settles all keys with this prefix to which writes were given up."""
        for key in self._fences.doubted(prefix):
            await self.settled(key)

    def persist(self, item: Append) -> asyncio.Future[None]:
        """Submits the item; the future raises its outcome. Items of one key keep their order."""
        return self._group_commits[hash(item.key) % _BATCHES_IN_FLIGHT].submit(item, size=item.size)

    async def abandon(self) -> None:
        """Closes the connections without waiting for writes: their event loop has ended, and they with it."""
        await self._databases.aclose()

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes the connections."""
        for group_commit in self._group_commits:
            await group_commit.aclose()
        await self.in_flight.aclose()
        await self._databases.aclose()


class Sessions:
    """Makes the engine's sessions, one after another."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._last: Session | None = None

    def make(self) -> Session:
        """A session for the running event loop."""
        self._last = Session(self._setup, self._last)
        return self._last
