"""Wraps what Motor and PyMongo's async client share, so that the engine runs on either."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

import pymongo
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConfigurationError
from pymongo.read_concern import ReadConcern

from nact_persistence_mongo._connections.errors import OtherLoopError
from nact_persistence_mongo._documents.codec import CODEC, Document

Client: TypeAlias = "AsyncIOMotorClient[Any] | AsyncMongoClient[Any]"
Source: TypeAlias = "Client | AsyncIOMotorDatabase[Any] | AsyncDatabase[Any]"

_CLOSING_PATIENCE = 1.0
"""Seconds to wait for the server, and for each of the driver's threads, when a client is closed."""


class RawBatches(Protocol):
    """A cursor whose batches are undecoded BSON."""

    alive: bool

    def __aiter__(self) -> RawBatches: ...

    async def __anext__(self) -> bytes: ...

    async def close(self) -> None: ...


class Collection(Protocol):
    """A collection of either driver."""

    name: str

    def find_raw_batches(self, filter: Document, **options: Any) -> RawBatches: ...  # noqa: A002

    async def find_one(self, filter: Document, **options: Any) -> Document | None: ...  # noqa: A002

    async def distinct(self, key: str, filter: Document) -> list[Any]: ...  # noqa: A002

    async def create_index(self, keys: Sequence[tuple[str, int]], **options: Any) -> str: ...


class Collections(NamedTuple):
    """The engine's collections, for reading.

    Attributes:
        events: The journal, as a majority has it if writes wait for a majority.
        newest_events: The journal as the primary has it, including what other members haven't confirmed yet.
        snapshots: The snapshots, read as `events` are.
    """

    events: Collection
    newest_events: Collection
    snapshots: Collection


class Database(Protocol):
    """A database of either driver."""

    async def command(self, command: Document) -> Document: ...


class Databases:
    """The database with the engine's own settings, and the client if the engine made it.

    Args:
        source: A URL, a client, or a database.
        name: The database's name, if `source` doesn't say it.
        w: How many members must have a write before it is acknowledged.
        journal: Whether these members must have it in their on-disk journals.
    """

    def __init__(self, source: str | Source, name: str | None, w: int | str, journal: bool) -> None:
        self._owned: AsyncIOMotorClient[Any] | None = None
        if isinstance(source, str):
            source = self._owned = AsyncIOMotorClient(source, io_loop=asyncio.get_running_loop())
        options: dict[str, Any] = {
            "codec_options": CODEC,
            "write_concern": WriteConcern(w, j=journal),
            "read_concern": ReadConcern("majority" if w == "majority" else "local"),
            "read_preference": ReadPreference.PRIMARY,
        }
        self._database: Any = _database(source, name).with_options(**options)

    @property
    def database(self) -> Database:
        return cast("Database", self._database)

    def collections(self, events: str, snapshots: str) -> Collections:
        newest = self._database[events].with_options(read_concern=ReadConcern("local"))
        return Collections(self._database[events], newest, self._database[snapshots])

    async def aclose(self) -> None:
        """Closes the client if the engine made it, and returns when its threads have ended."""
        if self._owned is not None:
            client, self._owned = self._owned, None
            threads = _threads(client.delegate)
            with pymongo.timeout(_CLOSING_PATIENCE):  # closing sends a last command to the server, which may be silent
                await asyncio.to_thread(client.close)
            for thread in threads:
                thread.wake()
            await asyncio.gather(*(asyncio.to_thread(thread.join, _CLOSING_PATIENCE) for thread in threads))


def is_source(source: object) -> bool:
    """True for a client or a database of either driver."""
    return isinstance(source, AsyncIOMotorClient | AsyncMongoClient | AsyncIOMotorDatabase | AsyncDatabase)


def is_database(source: object) -> bool:
    """True for a database of either driver."""
    return isinstance(source, AsyncIOMotorDatabase | AsyncDatabase)


def check_loop(source: object) -> None:
    """Returns if the client can be used in the running event loop.

    Raises:
        OtherLoopError: The client belongs to another event loop.
    """
    client = source.client if isinstance(source, AsyncIOMotorDatabase | AsyncDatabase) else source
    # PyMongo's client keeps its loop in a private attribute. Without it the driver itself refuses, at the first use.
    loop = client.get_io_loop() if isinstance(client, AsyncIOMotorClient) else getattr(client, "_loop", None)
    if loop is not None and loop is not asyncio.get_running_loop():
        raise OtherLoopError("the MongoDB client belongs to another event loop; make both anew in this one")


def _threads(client: Any) -> list[Any]:
    """The client's threads that watch the servers. They would run for up to ten seconds after the client is closed."""
    # PyMongo has no public name for them. A version that renames them only leaves them running for those seconds;
    # test_closing_ends_the_drivers_threads tells when that happens.
    threads = [getattr(client, "_kill_cursors_executor", None)]
    for server in list(getattr(getattr(client, "_topology", None), "_servers", {}).values()):
        monitor = getattr(server, "_monitor", None)
        threads += [
            getattr(monitor, "_executor", None),
            getattr(getattr(monitor, "_rtt_monitor", None), "_executor", None),
        ]
    return [thread for thread in threads if thread is not None]


def _database(source: Source, name: str | None) -> Any:
    if isinstance(source, AsyncIOMotorDatabase | AsyncDatabase):
        return source
    if name is not None:
        return source[name]
    try:
        return source.get_default_database()
    except ConfigurationError:
        return source["nact"]
