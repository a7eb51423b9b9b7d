"""The engine: the contract, put together from what opens, writes and reads."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import ClassVar, Self

from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building.checks import check_batch, check_key, check_prefix, check_tags, check_up_to, check_window
from nact.persistence.building.lifecycle import Lifecycle
from nact.persistence.records import MAX_SEQUENCE_NUMBER
from nact_persistence_mongo import _settings
from nact_persistence_mongo._connections.drivers import Source
from nact_persistence_mongo._documents.decoding import event_bson, snapshot_bson
from nact_persistence_mongo._reading.replay import Replay
from nact_persistence_mongo._session import Sessions, Setup
from nact_persistence_mongo._writing.appends import Append, append_of


class MongoPersistenceEngine:
    """Keeps journals in MongoDB (4.4 or later; a replica set or a single server), with every ability of the contract.

    Concurrent writes share a round trip. An event is a document; events that are persisted together are one document,
    so that a batch is whole on any server, without transactions. What is under way when a connection breaks, or a
    primary steps down, is sent again for a bounded time, and recognised if it was stored before.

    Used by one event loop at a time, and by one process: after a fork, make a new one.

    Args:
        source: A URL, as in `mongodb://host/contacts?replicaSet=rs0`, for Motor; or a client or a database of Motor or
            of PyMongo's async API, which stays open when the engine is closed.
        database: The database's name, if `source` doesn't name one; `nact` by default.
        prefix: Goes before the names of both collections.
        event_collection: The collection of events.
        snapshot_collection: The collection of snapshots.
        create_if_not_exists: Make the collections and their indexes at first use.
        w: How many members of a replica set must have a write before it is acknowledged. What is acknowledged by fewer
            than `"majority"` may be lost when the primary is.
        journal: Whether they must have it on disk. If not, it may be lost when a server is killed.
        retry_for: Seconds for which a call is tried before it raises `EngineUnavailableError`. The default lets a
            replica set elect a new primary. The first attempt may take a sixteenth of this, at least a second; each
            later one takes half as much again.
        max_batch: So many writes share a round trip, at most. Two are on their way at once, for different keys.
        page_size: How many documents a replay reads at once, at most.

    Raises:
        TypeError, ValueError: One of these can't be.
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
        events, snapshots = _settings.checked_collections(prefix, event_collection, snapshot_collection)
        self._setup = setup = Setup(
            source=_settings.checked_source(source, database),
            database=_settings.checked_database(database),
            event_collection=events,
            snapshot_collection=snapshots,
            create_if_not_exists=create_if_not_exists,
            w=_settings.checked_w(w),
            journal=journal,
            retry_for=_settings.checked_seconds("retry_for", retry_for),
            max_batch=_settings.checked_count("max_batch", max_batch),
        )
        self._page_size = _settings.checked_count("page_size", page_size)
        self._life = Lifecycle(Sessions(setup).make, repr(self))

    def __repr__(self) -> str:
        setup = self._setup  # a URL may hold a password
        source = "a URL" if isinstance(setup.source, str) else type(setup.source).__name__
        return f"MongoPersistenceEngine({source}, event_collection={setup.event_collection!r}, {self.durability})"

    @property
    def durability(self) -> str:
        """What a write waits for, as reports of the conformance kit show it."""
        return f"w={self._setup.w!r}, journal={self._setup.journal}"

    def __del__(self) -> None:
        # Only warns. (A constructor that failed left no attributes.)
        if "_life" in self.__dict__ and self._life.is_left_open:
            warnings.warn(f"{self!r} was not closed: await aclose()", ResourceWarning, stacklevel=1, source=self)

    # --- lifecycle ---------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._life.opened()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes connections. Goes on when it is cancelled. Can be called again."""
        await self._life.aclose()

    # --- PersistenceEngine -------------------------------------------------------------------------------------

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        self._life.check_open()
        check_window(after, limit)
        replay = Replay(check_key(key), after, limit, frozenset(check_tags(tags)), self._page_size)
        session = self._life.ready() or await self._life.opened()
        await session.settled(key)
        async with aclosing(replay.events(session.reader)) as stream:
            async for event in stream:
                yield event
                self._life.check_open()

    async def persist(self, event: PersistedEvent) -> None:
        self._life.check_open()
        check_batch((event,))
        document, number = event_bson(event), event.sequence_number
        first = 1 if event.is_deleted else number
        item = Append(event.key, first, number, (document,), (event.event_id,), len(document))
        await (self._life.ready() or await self._life.opened()).persist(item)

    # --- AtomicBatches -----------------------------------------------------------------------------------------

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        """A batch is one document, and so has up to 16 MB."""
        self._life.check_open()
        check_batch(events)
        if events:
            await (self._life.ready() or await self._life.opened()).persist(append_of(events))

    # --- EventDeletion, HighestSequenceNumber, KeyListing ------------------------------------------------------

    async def delete_events(self, key: str, *, up_to: int) -> None:
        """Some thousand at a time: of more than that, the oldest are gone first until it returns."""
        self._life.check_open()
        number = check_up_to(up_to)
        session = self._life.ready() or await self._life.opened()
        await session.settled(check_key(key))
        await session.in_flight.finish(key, session.deletion.delete(key, number))

    async def highest_sequence_number(self, key: str) -> int:
        self._life.check_open()
        session = self._life.ready() or await self._life.opened()
        await session.settled(check_key(key))
        return await session.reader.highest(key)

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        """In the order of their code points."""
        self._life.check_open()
        start, inclusive = check_prefix(prefix), True
        session = self._life.ready() or await self._life.opened()
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
        session = self._life.ready() or await self._life.opened()
        await session.settled(check_key(key))
        return await session.reader.snapshot(key, limit)

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        self._life.check_open()
        document = snapshot_bson(snapshot)
        session = self._life.ready() or await self._life.opened()
        put = session.snapshots.put(snapshot.key, snapshot.sequence_number, document)
        await session.in_flight.finish(snapshot.key, put)

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        self._life.check_open()
        number = check_up_to(up_to)
        session = self._life.ready() or await self._life.opened()
        await session.in_flight.finish(check_key(key), session.snapshots.delete(key, number))
