"""The engine: the contract, put together from what opens, writes and reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from typing import ClassVar

from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building.checks import (
    check_batch,
    check_key,
    check_prefix,
    check_snapshot,
    check_tags,
    check_up_to,
    check_window,
)
from nact.persistence.building.lifecycle import SessionEngine
from nact.persistence.records import MAX_SEQUENCE_NUMBER
from nact_persistence_mongo._connections.drivers import Source
from nact_persistence_mongo._documents.encoding import snapshot_bson
from nact_persistence_mongo._reading.replay import Replay
from nact_persistence_mongo._session import Session, Sessions, Setup
from nact_persistence_mongo._settings import (
    checked_collections,
    checked_count,
    checked_database,
    checked_seconds,
    checked_source,
    checked_w,
)
from nact_persistence_mongo._writing.appends import append_all, append_one


class MongoPersistenceEngine(SessionEngine[Session]):
    """Keeps journals in MongoDB (4.4 or later; a replica set or a single server), with every ability of the contract.

    Concurrent writes share a round trip. An event is a document; events that are persisted together are one document,
    so that a batch is whole on any server, without transactions. A write that is under way when a connection breaks, or
    a primary steps down, is sent again for a bounded time, and recognised if it was stored before.

    One engine serves one event loop at a time, in one process: after a fork, make a new one.

    Args:
        source: A URL, as in `mongodb://host/contacts?replicaSet=rs0`, for Motor; or a client or a database of Motor or
            of PyMongo's async API, which stays open when the engine is closed.
        database: The database's name, if `source` doesn't say it; `nact` by default.
        prefix: Goes before the names of both collections.
        event_collection: The collection of events.
        snapshot_collection: The collection of snapshots.
        create_if_not_exists: Whether the first use makes the collections and their indexes.
        w: How many members of a replica set must have a write before it is acknowledged. What is acknowledged by fewer
            than `"majority"` may be lost when the primary is lost.
        journal: Whether these members must have it on disk. If not, it may be lost when a server is killed.
        retry_for: Seconds for which a call is tried before it raises `EngineUnavailableError`. The default lets a
            replica set elect a new primary. The first attempt may take a sixteenth of this, at least a second; each
            later one takes half as much again.
        max_batch: The most writes that share a round trip. Two such batches are in flight at once, for different keys.
        page_size: The most documents that a replay reads at once.

    Raises:
        TypeError, ValueError: An argument is invalid.
    """

    protocol_versions: ClassVar[tuple[int, ...]] = (1,)

    def __init__(
        self,
        source: str | Source,
        *,
        database: str | None = None,
        prefix: str = "",
        event_collection: str = "event_journal",
        snapshot_collection: str = "snapshot_store",
        create_if_not_exists: bool = True,
        w: int | str = "majority",
        journal: bool = True,
        retry_for: float = 20.0,
        max_batch: int = 250,
        page_size: int = 1000,
    ) -> None:
        events, snapshots = checked_collections(prefix, event_collection, snapshot_collection)
        self._setup = Setup(
            source=checked_source(source, database),
            database=checked_database(database),
            event_collection=events,
            snapshot_collection=snapshots,
            create_if_not_exists=create_if_not_exists,
            w=checked_w(w),
            journal=journal,
            retry_for=checked_seconds("retry_for", retry_for),
            max_batch=checked_count("max_batch", max_batch),
        )
        self._page_size = checked_count("page_size", page_size)
        super().__init__(Sessions(self._setup).make)

    def __repr__(self) -> str:
        setup = self._setup  # a URL may hold a password
        source = "a URL" if isinstance(setup.source, str) else type(setup.source).__name__
        return f"MongoPersistenceEngine({source}, event_collection={setup.event_collection!r}, {self.durability})"

    async def _session(self) -> Session:
        return self._life.ready() or await self._life.opened()

    # --- DurabilityLevel ---------------------------------------------------------------------------------------

    @property
    def durability(self) -> str:
        return f"w={self._setup.w!r}, journal={self._setup.journal}"

    # --- PersistenceEngine -------------------------------------------------------------------------------------

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        self._life.check_open()
        check_window(after, limit)
        replay = Replay(check_key(key), after, limit, frozenset(check_tags(tags)), self._page_size)
        session = await self._session()
        await session.settled(key)
        async with aclosing(replay.events(session.reader)) as stream:
            async for event in stream:
                yield event
                self._life.check_open()

    async def persist(self, event: PersistedEvent) -> None:
        self._life.check_open()
        check_batch((event,))
        item = append_one(event)
        await (await self._session()).persist(item)

    # --- AtomicBatches -----------------------------------------------------------------------------------------

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        """A batch is one document, and so may have up to 16 MB."""
        self._life.check_open()
        check_batch(events)
        if events:
            item = append_all(events)
            await (await self._session()).persist(item)

    # --- EventDeletion, HighestSequenceNumber, KeyListing ------------------------------------------------------

    async def delete_events(self, key: str, *, up_to: int) -> None:
        """Deletes about two thousand documents at a time, the oldest first, and returns when all are deleted."""
        self._life.check_open()
        number = check_up_to(up_to)
        check_key(key)
        session = await self._session()
        await session.settled(key)
        await session.in_flight.finish(key, session.deletion.delete(key, number))

    async def highest_sequence_number(self, key: str) -> int:
        self._life.check_open()
        check_key(key)
        session = await self._session()
        await session.settled(key)
        return await session.reader.highest(key)

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        """Yields the keys in the order of their code points."""
        self._life.check_open()
        start, inclusive = check_prefix(prefix), True
        session = await self._session()
        await session.all_settled(prefix)
        while found := await session.reader.keys(start, inclusive, self._page_size):
            for key in found:
                if not key.startswith(prefix):
                    return
                yield key
                self._life.check_open()
                start, inclusive = key, False

    # --- SnapshotStore -----------------------------------------------------------------------------------------

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        self._life.check_open()
        limit = MAX_SEQUENCE_NUMBER if up_to is None else check_up_to(up_to)
        check_key(key)
        session = await self._session()
        await session.settled(key)
        return await session.reader.snapshot(key, limit)

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        self._life.check_open()
        check_snapshot(snapshot)
        document = snapshot_bson(snapshot)
        session = await self._session()
        put = session.snapshots.put(snapshot.key, snapshot.sequence_number, document)
        await session.in_flight.finish(snapshot.key, put)

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        self._life.check_open()
        number = check_up_to(up_to)
        check_key(key)
        session = await self._session()
        await session.in_flight.finish(key, session.snapshots.delete(key, number))
