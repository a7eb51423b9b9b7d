"""Databases with the engine's collections and indexes, and documents such as it writes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias
from uuid import uuid4

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, WriteConcern

from benchmarks import growing
from benchmarks.load import BATCH, KEY, MESSAGE
from benchmarks.model import Run
from nact.persistence.records import now_ms
from nact_persistence_mongo import MongoPersistenceEngine

EVENTS = "event_journal"
SETTINGS = WriteConcern("majority", j=True)
"""What every write waits for: it is the engine's default."""

Document: TypeAlias = dict[str, Any]
Driver: TypeAlias = Callable[[Run], AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def motor(run: Run) -> AsyncIterator[Any]:
    """A client of Motor's."""
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(run.server)
    yield client
    client.close()


@asynccontextmanager
async def pymongo(run: Run) -> AsyncIterator[Any]:
    """A client of PyMongo's own async API."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(run.server)
    async with client:
        yield client


@asynccontextmanager
async def empty(driver: Driver, run: Run) -> AsyncIterator[Any]:
    """A new database, prepared by the engine, and removed in the end."""
    async with driver(run) as client:
        database = client[f"benchmarks-{uuid4()}"]
        async with MongoPersistenceEngine(database):
            pass
        yield database
        await client.drop_database(database.name)


@asynccontextmanager
async def full(driver: Driver, run: Run) -> AsyncIterator[Any]:
    """The database that `fill` or `fill_for_growth` made."""
    async with driver(run) as client:
        yield client[_full(run)]


def _full(run: Run) -> str:
    return f"benchmarks-full-{run.stored}"


def events(database: Any) -> Any:
    """The collection of events, as the engine writes to it."""
    return database[EVENTS].with_options(write_concern=SETTINGS)


async def fill(run: Run) -> None:
    """Makes a database with `run.n` events of one key, as if they had been persisted one by one."""
    async with _refilled(run) as database:
        for first in range(1, run.n + 1, BATCH):
            numbers = range(first, min(first + BATCH, run.n + 1))
            await events(database).insert_many([document(KEY, number) for number in numbers])


async def fill_for_growth(run: Run) -> None:
    """Makes a database with `run.stored` events."""
    async with _refilled(run) as database, MongoPersistenceEngine(database) as engine:
        await growing.fill(engine, run.stored)


@asynccontextmanager
async def _refilled(run: Run) -> AsyncIterator[Any]:
    async with motor(run) as client:
        database = client[_full(run)]
        await client.drop_database(database.name)
        async with MongoPersistenceEngine(database):
            pass
        yield database


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
