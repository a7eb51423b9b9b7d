"""The engine: the contract, put together from what opens, writes and reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from functools import partial
from typing import ClassVar

from redis.asyncio import Redis, RedisCluster

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
from nact_persistence_redis import _settings
from nact_persistence_redis._connections.address import Address
from nact_persistence_redis._reading.replay import Replay
from nact_persistence_redis._routing.durability import Durability, IfWeaker
from nact_persistence_redis._routing.source import Options, Source, checked_source, servers_of
from nact_persistence_redis._session import Session, Setup
from nact_persistence_redis._statements.names import Names
from nact_persistence_redis._statements.records import batch_fields, event_fields
from nact_persistence_redis._writing.writer import Append


class RedisPersistenceEngine(SessionEngine[Session]):
    """Keeps journals in Redis (7.0 or later, or Valkey), with every ability of the contract.

    Each key has a stream; concurrent writes share a round trip. On opening, and whenever a server comes back, its
    settings are held against `durability`. What is under way when a connection breaks is sent again, for a bounded
    time; the server recognises what it has already stored.

    Used by one event loop at a time, and by one process: after a fork, make a new one.

    Args:
        source: A URL, as in `redis://host/0`, `rediss+cluster://host1,host2`, `redis+sentinel://host1,host2/service`,
            `redis+unix:///run/redis.sock`; or a client of redis-py, which stays open when the engine is closed.
        prefix: Begins the name of everything in Redis.
        durability: What has to survive: `"always"` everything, `"everysec"` all but the last two seconds, `"none"`.
        if_weaker: Whether a server that promises less is refused, warned of, or accepted.
        replicas: So many replicas must have an event, too, before it is acknowledged.
        timeout: For a round trip, in seconds.
        retry_for: For so many seconds after a connection broke it is tried again. A first try that gets no answer in
            time is always followed by a second one, over a new connection.
        max_batch: So many writes share a round trip, at most.
        max_connections: To one server, at most. A client that was passed in for one server has its own limit.
        page_size: How many events a replay reads at once, at most.

    Raises:
        TypeError, ValueError: One of these can't be.
    """

    protocol_versions: ClassVar[tuple[int, ...]] = (1,)

    def __init__(
        self,
        source: str | Redis | RedisCluster,
        *,
        prefix: str = "nact:",
        durability: Durability = "always",
        if_weaker: IfWeaker = "refuse",
        replicas: int = 0,
        timeout: float = 3.0,
        retry_for: float = 5.0,
        max_batch: int = 500,
        max_connections: int = 16,
        page_size: int = 1000,
    ) -> None:
        self._source = checked_source(source)
        self._setup = setup = Setup(
            names=Names(_settings.checked_prefix(prefix)),
            durability=_settings.checked_durability(durability),
            if_weaker=_settings.checked_if_weaker(if_weaker),
            replicas=_settings.checked_count("replicas", replicas, 0),
            timeout=_settings.checked_seconds("timeout", timeout),
            retry_for=_settings.checked_seconds("retry_for", retry_for),
            max_batch=_settings.checked_count("max_batch", max_batch, 1),
        )
        options = Options(setup.timeout, _settings.checked_count("max_connections", max_connections, 1))
        self._page_size = _settings.checked_count("page_size", page_size, 1)
        super().__init__(partial(_new_session, self._source, setup, options))

    def __repr__(self) -> str:
        source = self._source.shown if isinstance(self._source, Address) else type(self._source).__name__
        return f"RedisPersistenceEngine({source!r}, {self.durability})"

    @property
    def durability(self) -> str:
        """What servers have to promise, as reports of the conformance kit show it."""
        return f"durability={self._setup.durability!r}, replicas={self._setup.replicas}"

    async def _session(self) -> Session:
        return self._life.ready() or await self._life.opened()

    # --- PersistenceEngine -------------------------------------------------------------------------------------

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        self._life.check_open()
        check_window(after, limit)
        after = min(after, MAX_SEQUENCE_NUMBER)
        replay = Replay(check_key(key), after, limit, frozenset(check_tags(tags)), self._page_size)
        session = await self._session()
        await session.writer.settled(key)
        check_open = self._life.check_open
        async with aclosing(replay.pages(partial(session.reader.page, key))) as pages:
            async for page in pages:
                for event in replay.events(page):
                    yield event
                    check_open()

    async def persist(self, event: PersistedEvent) -> None:
        self._life.check_open()
        check_batch((event,))
        item = Append(event.key, event.sequence_number, (event_fields(event),))
        await (await self._session()).writer.append(item)

    # --- AtomicBatches -----------------------------------------------------------------------------------------

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        """At most 20,000 events, and 64 MB of JSON: Redis does nothing else meanwhile."""
        self._life.check_open()
        check_batch(events)
        fields = batch_fields(events)
        if fields:
            item = Append(events[0].key, events[0].sequence_number, fields)
            await (await self._session()).writer.append(item)

    # --- EventDeletion, HighestSequenceNumber, KeyListing ------------------------------------------------------

    async def delete_events(self, key: str, *, up_to: int) -> None:
        """Some thousand at a time: of more than that, the oldest are gone first until it returns."""
        self._life.check_open()
        check_key(key)
        number = check_up_to(up_to)
        await (await self._session()).writer.delete_events(key, number)

    async def highest_sequence_number(self, key: str) -> int:
        self._life.check_open()
        check_key(key)
        session = await self._session()
        await session.writer.settled(key)
        return await session.reader.highest(key)

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        """Remembers every key that it yields, since Redis may list one twice."""
        self._life.check_open()
        check_prefix(prefix)
        session = await self._session()
        async with aclosing(session.reader.keys(prefix)) as found:
            async for key in found:
                yield key
                self._life.check_open()

    # --- SnapshotStore -----------------------------------------------------------------------------------------

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        self._life.check_open()
        check_key(key)
        limit = MAX_SEQUENCE_NUMBER if up_to is None else check_up_to(up_to)
        session = await self._session()
        await session.writer.settled(key)
        return await session.reader.snapshot(key, limit)

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        self._life.check_open()
        check_snapshot(snapshot)
        await (await self._session()).writer.put_snapshot(snapshot)

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        self._life.check_open()
        check_key(key)
        number = check_up_to(up_to)
        await (await self._session()).writer.delete_snapshots(key, number)


def _new_session(source: Source, setup: Setup, options: Options) -> Session:
    return Session(setup, servers_of(source, options))
