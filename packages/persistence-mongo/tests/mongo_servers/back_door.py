"""Damages a journal as a careless person with a shell does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database

from nact.persistence import PersistedEvent
from nact_conformance.containers import MongoStorage

Documents = dict[str, Any]


class MongoBackDoor:
    """Changes stored documents without the engine under test."""

    def __init__(self, server: MongoStorage, database: str) -> None:
        self._server = server
        self._database = database

    async def remove_event(self, key: str, sequence_number: int) -> None:
        def remove(database: Database[Documents]) -> None:
            journal = database["event_journal"]
            inside = {"$pull": {"events": {"sequence_number": sequence_number}}}
            if not journal.update_one({"key": key, "events.sequence_number": sequence_number}, inside).modified_count:
                assert journal.delete_one({"key": key, "sequence_number": sequence_number}).deleted_count == 1

        await self._do(remove)

    async def garble_event(self, key: str, sequence_number: int) -> None:
        await self._do(lambda database: _garble(database, "event_journal", key, sequence_number))

    async def garble_metadata(self, key: str, sequence_number: int) -> None:
        await self._do(lambda database: _garble(database, "event_journal", key, sequence_number, field="metadata"))

    async def holds(self, text: str) -> bool:
        found: list[bool] = []

        def look(database: Database[Documents]) -> None:
            collections = [database[name] for name in database.list_collection_names()]
            found.append(any(text in repr(document) for each in collections for document in each.find()))

        await self._do(look)
        return found[0]

    async def garble_snapshot(self, key: str, sequence_number: int) -> None:
        await self._do(lambda database: _garble(database, "snapshot_store", key, sequence_number))

    async def plant_event(self, event: PersistedEvent) -> None:
        fields = ("key", "sequence_number", "event_id", "created_at", "data")
        document = {name: getattr(event, name) for name in fields} | {"tags": list(event.tags)}
        if event.is_deleted:
            document["is_deleted"] = True
        if event.metadata:
            document["metadata"] = event.metadata
        await self._do(lambda database: database["event_journal"].insert_one(document))

    async def empty(self) -> None:
        def delete(database: Database[Documents]) -> None:
            for name in ("event_journal", "snapshot_store"):
                database[name].delete_many({})

        await self._do(delete)

    async def drop(self) -> None:
        await self._do(lambda database: database.client.drop_database(database.name))

    async def _do(self, act: Callable[[Database[Documents]], object]) -> None:
        def go() -> None:
            with self._server.client() as client:
                act(client[self._database])

        await asyncio.to_thread(go)


def _garble(database: Database[Documents], collection: str, key: str, number: int, *, field: str = "data") -> None:
    """Puts a date, as another program might, in place of the data, or of another field."""
    change = {"$set": {field: {"when": datetime(2020, 1, 1, tzinfo=UTC)}}}
    inside = {"$set": {f"events.$.{field}": {"when": datetime(2020, 1, 1, tzinfo=UTC)}}}
    journal = database[collection]
    if not journal.update_one({"key": key, "events.sequence_number": number}, inside).modified_count:
        assert journal.update_one({"key": key, "sequence_number": number}, change).modified_count == 1
