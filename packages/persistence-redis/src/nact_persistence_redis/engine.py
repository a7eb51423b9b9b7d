"""The engine: implements the contract with a session's writer and reader."""

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
from nact_persistence_redis._routing.source import ConnectionOptions, Source, checked_source, servers_of
from nact_persistence_redis._session import Session
from nact_persistence_redis._statements.names import Names
from nact_persistence_redis._statements.records import batch_fields, event_fields
from nact_persistence_redis._writing.appends import Append


class RedisPersistenceEngine(SessionEngine[Session]):
    """Keeps journals in Redis (7.0 or later, or Valkey), with every ability of the contract.

    Each key has a stream; concurrent writes share a round trip. When the engine opens, and whenever a server comes
    back, it holds the server's settings against `durability`. A request that is under way when a connection breaks is
    sent again, for a bounded time; the server recognises what it has already stored.

    One event loop at a time may use the engine, in one process: after a fork, make a new one.

    Args:
        source: A URL, as in `redis://host/0`, `rediss+cluster://host1,host2`, `redis+sentinel://host1,host2/service`,
            `redis+unix:///run/redis.sock`; or a client of redis-py, which stays open when the engine is closed.
        prefix: Begins the names of all keys in Redis.
        durability: The events that have to survive: `"always"` all, `"everysec"` all but those of the last two seconds,
            `"none"`.
        if_weaker: The treatment of a server that promises less: `"refuse"` it, `"warn"` of it, or `"accept"` it.
        replicas: How many replicas must have an event, too, before it is acknowledged.
        timeout: Seconds that one round trip may take.
        retry_for: Seconds for which a call is tried again. A first attempt that gets no answer in time is always
            followed by a second one, over a new connection.
        max_batch: How many writes share a round trip at most.
        max_connections: How many connections to one server there are at most. A client that was passed in for one
            server has its own limit.
        page_size: How many events a replay reads at once at most.

    Raises:
        TypeError, ValueError: One of the arguments is invalid.
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
        self._settings = settings = _settings.Settings(
            names=Names(_settings.checked_prefix(prefix)),
            durability=_settings.checked_durability(durability),
            if_weaker=_settings.checked_if_weaker(if_weaker),
            replicas=_settings.checked_count("replicas", replicas, 0),
            timeout=_settings.checked_seconds("timeout", timeout),
            retry_for=_settings.checked_seconds("retry_for", retry_for),
            max_batch=_settings.checked_count("max_batch", max_batch, 1),
        )
        options = ConnectionOptions(settings.timeout, _settings.checked_count("max_connections", max_connections, 1))
        self._page_size = _settings.checked_count("page_size", page_size, 1)
        super().__init__(partial(_new_session, self._source, settings, options))

    def __repr__(self) -> str:
        source = self._source.shown if isinstance(self._source, Address) else type(self._source).__name__
        return f"RedisPersistenceEngine({source!r}, {self.durability})"

    @property
    def durability(self) -> str:
        """The durability that servers have to promise, as reports of the conformance kit show it."""
        return f"durability={self._settings.durability!r}, replicas={self._settings.replicas}"

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
        """Stores at most 20,000 events, and 64 MB of JSON: Redis does nothing else meanwhile."""
        self._life.check_open()
        check_batch(events)
        fields = batch_fields(events)
        if fields:
            item = Append(events[0].key, events[0].sequence_number, fields)
            await (await self._session()).writer.append(item)

    # --- EventDeletion, HighestSequenceNumber, KeyListing ------------------------------------------------------

    async def delete_events(self, key: str, *, up_to: int) -> None:
        """Deletes a few thousand at a time, the oldest first. Until it returns, a part of them may be deleted."""
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
        """Remembers every key that it yields, since Redis may list a key twice."""
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


def _new_session(source: Source, settings: _settings.Settings, options: ConnectionOptions) -> Session:
    return Session(settings, servers_of(source, options))
