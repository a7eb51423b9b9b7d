"""Makes the collections and their indexes, and refuses collections that can't hold a journal."""

from __future__ import annotations

from collections.abc import Mapping

from nact.errors import CorruptJournalError
from nact_persistence_mongo._connections.drivers import Collection, Database
from nact_persistence_mongo._connections.retry import ServerRetry
from nact_persistence_mongo._documents.codec import Document

_KEYS = [("key", 1), ("sequence_number", 1)]
_SIMPLE = {"locale": "simple"}
_MONGODB_6 = 17


async def prepare(
    database: Database, collections: list[Collection], retry: ServerRetry, *, create: bool
) -> Mapping[str, object]:
    """Makes the collections ready for use. Any number of processes may do this at once.

    Returns:
        The UUIDs by which commands can name the collections; none if the server has no such commands.

    Raises:
        CorruptJournalError: A collection is of a kind that can't hold a journal, or has no unique index.
        EngineUnavailableError: The server can't be reached, or refuses.
    """
    names = [collection.name for collection in collections]
    uuids = await _existing(database, names, retry)
    for collection in collections:
        if create:
            await _create_index(collection, retry)
        else:
            await _check_index(database, collection.name, retry)
    if len(uuids) < len(names):
        uuids = await _existing(database, names, retry)
    return uuids if await _knows_uuids(database, retry) else {}


async def _existing(database: Database, names: list[str], retry: ServerRetry) -> dict[str, object]:
    """The UUIDs of the collections that exist.

    Raises:
        CorruptJournalError: A collection is of a kind that can't hold a journal.
    """
    listing: Document = {"listCollections": 1, "filter": {"name": {"$in": names}}}
    found = await retry.run(lambda: database.command(listing))
    descriptions = found["cursor"]["firstBatch"]
    for description in descriptions:
        _check(description)
    return {each["name"]: each["info"]["uuid"] for each in descriptions if "uuid" in each.get("info", {})}


async def _knows_uuids(database: Database, retry: ServerRetry) -> bool:
    """True if commands that write may name a collection by its UUID: from MongoDB 6.0 on. Routers weren't tried."""
    hello = await retry.run(lambda: database.command({"hello": 1}))
    return hello["maxWireVersion"] >= _MONGODB_6 and hello.get("msg") != "isdbgrid"


def _check(description: Document) -> None:
    name, options = description["name"], description.get("options", {})
    if description.get("type", "collection") != "collection":
        raise CorruptJournalError(f"{name!r} is a {description['type']}; it must be an ordinary collection")
    if options.get("capped"):
        raise CorruptJournalError(f"the collection {name!r} is capped: it would lose its oldest events")
    if "collation" in options:
        raise CorruptJournalError(f"the collection {name!r} has a collation, so that different keys would be one")


async def _create_index(collection: Collection, retry: ServerRetry) -> None:
    await retry.run(lambda: collection.create_index(_KEYS, unique=True, collation=_SIMPLE))


async def _check_index(database: Database, name: str, retry: ServerRetry) -> None:
    """Returns if the collection has the unique index, which decides between writers."""
    found = await retry.run(lambda: database.command({"listIndexes": name}))
    for index in found["cursor"]["firstBatch"]:
        if list(index["key"].items()) == _KEYS and index.get("unique") and "partialFilterExpression" not in index:
            return
    raise CorruptJournalError(f"the collection {name!r} has no unique index on key and sequence_number")
