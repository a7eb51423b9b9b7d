"""What Motor and PyMongo's async client share, and nothing else of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

import pymongo
from bson.binary import Binary
from bson.codec_options import CodecOptions, DatetimeConversion, TypeDecoder, TypeRegistry
from bson.int64 import Int64
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConfigurationError
from pymongo.read_concern import ReadConcern

from nact_persistence_mongo._connections.errors import OtherLoopError

Document: TypeAlias = dict[str, Any]
Client: TypeAlias = "AsyncIOMotorClient[Any] | AsyncMongoClient[Any]"
Source: TypeAlias = "Client | AsyncIOMotorDatabase[Any] | AsyncDatabase[Any]"


class RawBatches(Protocol):
    """A cursor whose batches are BSON, not decoded."""

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
    """What the engine reads and writes."""

    events: Collection
    newest_events: Collection
    """The events as the primary has them, with what other members haven't confirmed yet."""
    snapshots: Collection


class Database(Protocol):
    """A database of either driver."""

    async def command(self, command: Document) -> Document: ...


_PATIENCE = 1.0


class Foreign(NamedTuple):
    """A value that no JSON value was stored as: another program wrote it."""

    value: object


class _Integers(TypeDecoder):
    """MongoDB's long integers come back as what they were: int, not PyMongo's subclass of it."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        return int(value)


class _Bytes(TypeDecoder):
    """Binary data, which would come back as bytes."""

    bson_type = bytes

    def transform_bson(self, value: Any) -> Foreign:
        return Foreign(value)


class _Binary(TypeDecoder):
    """Binary data of a special kind, as a UUID, which `marshal` would take for bytes."""

    bson_type = Binary

    def transform_bson(self, value: Any) -> Foreign:
        return Foreign(value)


class _Floats(TypeDecoder):
    """JSON has no NaN, and no infinity."""

    bson_type = float

    def transform_bson(self, value: float) -> object:
        return value if isfinite(value) else Foreign(value)


CODEC: CodecOptions[Document] = CodecOptions(
    type_registry=TypeRegistry([_Integers(), _Bytes(), _Binary(), _Floats()]),
    # Dates of other programs, even beyond the year 9999, are found in the data, not while decoding.
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)


class Databases:
    """The database as writes and reads use it, and the client if it was made here.

    Args:
        source: A URL, a client, or a database.
        name: Of the database, if it isn't the one that `source` names.
        w: How many members have a write before it is acknowledged.
        journal: Whether it has to be in the journal on their disks.
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
        if self._owned is not None:
            client, self._owned = self._owned, None
            threads = _threads(client.delegate)
            with pymongo.timeout(_PATIENCE):  # it says goodbye to the server, which may be silent
                await asyncio.to_thread(client.close)
            for thread in threads:
                thread.wake()
            await asyncio.gather(*(asyncio.to_thread(thread.join, _PATIENCE) for thread in threads))


def is_source(source: object) -> bool:
    """Whether it is a client or a database of either driver."""
    return isinstance(source, AsyncIOMotorClient | AsyncMongoClient | AsyncIOMotorDatabase | AsyncDatabase)


def is_database(source: object) -> bool:
    return isinstance(source, AsyncIOMotorDatabase | AsyncDatabase)


def check_loop(source: object) -> None:
    """Returns if the client can be used in the running event loop.

    Raises:
        OtherLoopError: It belongs to another one.
    """
    client = source.client if isinstance(source, AsyncIOMotorDatabase | AsyncDatabase) else source
    loop = client.get_io_loop() if isinstance(client, AsyncIOMotorClient) else getattr(client, "_loop", None)
    if loop is not None and loop is not asyncio.get_running_loop():
        raise OtherLoopError("the MongoDB client belongs to another event loop; make both anew in this one")


def _threads(client: Any) -> list[Any]:
    """What watches the servers for the client, which would stay for ten seconds after it is closed."""
    # PyMongo has no name for them that is public. Where they are called otherwise, they just stay those ten seconds.
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
