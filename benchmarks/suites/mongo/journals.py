"""Databases with the engine's collections and indexes, and documents such as it writes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias
from uuid import uuid4

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, WriteConcern

from benchmarks.load import BATCH, KEY, MESSAGE
from benchmarks.model import Run
from benchmarks.suites.mongo import server
from nact.persistence.records import now_ms
from nact_persistence_mongo import MongoPersistenceEngine

EVENTS = "event_journal"
SETTINGS = WriteConcern("majority", j=True)
"""What every write waits for: it is the engine's default."""

Document: TypeAlias = dict[str, Any]
Driver: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def motor() -> AsyncIterator[Any]:
    """A client of Motor's."""
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(server.url())
    yield client
    client.close()


@asynccontextmanager
async def pymongo() -> AsyncIterator[Any]:
    """A client of PyMongo's own async API."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(server.url())
    async with client:
        yield client


@asynccontextmanager
async def empty(driver: Driver) -> AsyncIterator[Any]:
    """A new database, prepared by the engine, and removed in the end."""
    async with driver() as client:
        database = client[f"benchmarks-{uuid4()}"]
        async with MongoPersistenceEngine(database):
            pass
        yield database
        await client.drop_database(database.name)


@asynccontextmanager
async def full(driver: Driver, run: Run) -> AsyncIterator[Any]:
    """The database that `fill` made."""
    async with driver() as client:
        yield client[(run.folder / "database").read_text()]


def events(database: Any) -> Any:
    """The collection of events, as the engine writes to it."""
    return database[EVENTS].with_options(write_concern=SETTINGS)


async def fill(run: Run) -> None:
    """Makes a database with `run.n` events of one key, as if they had been persisted one by one."""
    async with motor() as client:
        database = client[f"benchmarks-full-{uuid4()}"]
        (run.folder / "database").write_text(database.name)
        async with MongoPersistenceEngine(database):
            pass
        for first in range(1, run.n + 1, BATCH):
            numbers = range(first, min(first + BATCH, run.n + 1))
            await events(database).insert_many([document(KEY, number) for number in numbers])


def document(key: str, number: int) -> Document:
    """A document like the engine's. It is made while the clock runs, for nact can't make it earlier either."""
    return {
        "key": key,
        "sequence_number": number,
        "event_id": str(uuid4()),
        "created_at": now_ms(),
        "tags": [],
        "data": MESSAGE,
    }
