"""Sources of an engine: URLs, clients and databases of either driver, in their event loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from mongo_servers.events import event, numbers
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, MongoClient
from pymongo.database import Database

from nact.errors import EngineClosedError
from nact.persistence import DurabilityLevel, PersistedSnapshot
from nact_conformance.containers import MongoStorage
from nact_persistence_mongo import MongoPersistenceEngine, engine_from_url

pytestmark = pytest.mark.anyio


async def test_either_drivers_client_can_be_given_and_stays_open(client: Any, key: str) -> None:
    for source, name in ((client, "laws"), (client["laws"], None)):
        async with MongoPersistenceEngine(source, database=name) as engine:
            number = await engine.highest_sequence_number(key) + 1
            await engine.persist(event(key, number))
            assert (await numbers(engine, key))[-1] == number
    assert (await client.admin.command("ping"))["ok"] == 1


async def test_a_client_in_another_event_loop_is_a_clear_error(client: Any, key: str) -> None:
    await client.admin.command("ping")

    async def elsewhere() -> None:
        async with MongoPersistenceEngine(client) as engine:
            await engine.persist(event(key, 1))

    with pytest.raises(RuntimeError, match="event loop") as caught:
        await asyncio.to_thread(asyncio.run, elsewhere())
    assert isinstance(caught.value, EngineClosedError)


async def test_an_engine_in_use_by_another_event_loop_is_a_clear_error(
    engine: MongoPersistenceEngine, key: str
) -> None:
    await engine.persist(event(key, 1))
    with pytest.raises(RuntimeError, match="event loop"):
        await asyncio.to_thread(asyncio.run, engine.persist(event(key, 2)))


async def test_an_engine_that_is_left_open_warns(server: MongoStorage, key: str) -> None:
    engine = MongoPersistenceEngine(server.bare_url)
    await engine.persist(event(key, 1))
    session = await engine._life.opened()
    forget = [engine]
    del engine
    with pytest.warns(ResourceWarning, match="not closed"):
        forget.clear()
    await session.aclose()


async def test_closing_ends_the_drivers_threads(server: MongoStorage, key: str) -> None:
    def drivers() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name.startswith("pymongo")}

    earlier = drivers()  # of clients that other tests closed: they end later
    async with MongoPersistenceEngine(server.bare_url) as engine:
        await engine.persist(event(key, 1))
        mine = drivers() - earlier
        assert mine
    assert not mine & drivers()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://host", "must begin with mongodb://"),
        ("mongodb://", "at least one host"),
        ("mongodb://host:0/contacts", "Port must be"),
        ("mongodb://host/contacts.events", "names a collection, 'events'"),
        ("mongodb://host/?retrywishes=true", "Unknown option"),
        ("mongodb://host/?timeout=30", "Unknown option"),
        ("mongodb+srv://host/?retrywishes=true", "Unknown option"),
        ("mongodb://host/?readPreference=often", "read preference"),
        ("mongodb://host/?tls=true&tlsCAFile=/nowhere/ca.pem", "can.t be used"),
        ("mongodb://me:hu/sh@host/", "can't be used"),
    ],
)
async def test_a_url_that_cannot_be_used_is_refused_at_once(url: str, told: str) -> None:
    for make in (MongoPersistenceEngine, engine_from_url):
        with pytest.raises(ValueError, match=told) as refused:
            make(url)
        assert "hu" not in str(refused.value)


async def test_a_url_that_the_name_service_completes_is_taken() -> None:
    engine_from_url("mongodb+srv://me:secret@host/contacts?retryWrites=true&retry_for=30")
    engine_from_url("mongodb+srv://host")


async def test_a_prefix_goes_before_the_names_of_both_collections(
    server: MongoStorage, shell: Database[dict[str, Any]], key: str
) -> None:
    async with engine_from_url(f"{server.bare_url}&prefix=shop.&event_collection=events") as engine:
        await engine.persist(event(key, 1))
        await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=1))
        assert await numbers(engine, key) == [1]
    assert shell["shop.events"].count_documents({"key": key}) == 1
    assert shell["shop.snapshot_store"].count_documents({"key": key}) == 1


@pytest.mark.parametrize("prefix", ["$", "system.", "a\0", ".", "a..", 7])
async def test_a_prefix_that_begins_no_name_is_refused(prefix: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="prefix"):
        MongoPersistenceEngine("mongodb://localhost", prefix=prefix)


@pytest.mark.parametrize("make", [lambda: MongoClient(connect=False), object], ids=["MongoClient", "object"])
async def test_anything_else_is_refused_as_a_source(make: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="Motor"):
        MongoPersistenceEngine(make())


async def test_a_client_made_outside_of_any_loop_works_in_this_one(server: MongoStorage, key: str) -> None:
    url = server.bare_url
    made: AsyncMongoClient[Any] = await asyncio.to_thread(AsyncMongoClient, url)
    async with MongoPersistenceEngine(made, database="laws") as engine:
        await engine.persist(event(key, 1))
    await made.close()


async def test_motor_is_what_a_url_gets(server: MongoStorage, key: str) -> None:
    async with MongoPersistenceEngine(server.bare_url) as engine:
        await engine.persist(event(key, 1))
        session = await engine._life.opened()
        assert isinstance(session._databases._owned, AsyncIOMotorClient)


async def test_the_engine_names_what_a_write_waits_for() -> None:
    url = "mongodb://user:secret@localhost/contacts"
    assert "w='majority', journal=True" in repr(MongoPersistenceEngine(url))
    weaker = repr(MongoPersistenceEngine(url, w=1, journal=False))
    assert "w=1, journal=False" in weaker
    assert "secret" not in weaker
    engine: object = MongoPersistenceEngine(url)
    assert isinstance(engine, DurabilityLevel)
    assert engine.durability == "w='majority', journal=True"
