"""The collections and their indexes: made if they aren't there, and refused if they would alter what is stored."""

from __future__ import annotations

from nact.errors import CorruptJournalError
from nact_persistence_mongo._driver import Collection, Database, Document
from nact_persistence_mongo._link import Trying

_KEYS = [("key", 1), ("sequence_number", 1)]
_SIMPLE = {"locale": "simple"}


async def prepare(database: Database, collections: list[Collection], trying: Trying, *, create: bool) -> None:
    """Returns when the collections can be used. Any number of programs may do this at once.

    Raises:
        CorruptJournalError: One is of a kind that can't hold a journal, or has no unique index.
        EngineUnavailableError: The server can't be reached, or refuses.
    """
    names = [collection.name for collection in collections]
    listing: Document = {"listCollections": 1, "filter": {"name": {"$in": names}}}
    found = await trying.run(lambda: database.command(listing))
    for description in found["cursor"]["firstBatch"]:
        _check(description)
    for collection in collections:
        if create:
            await _create_index(collection, trying)
        else:
            await _check_index(database, collection.name, trying)


def _check(description: Document) -> None:
    name, options = description["name"], description.get("options", {})
    if description.get("type", "collection") != "collection":
        raise CorruptJournalError(f"{name!r} is a {description['type']}; it must be an ordinary collection")
    if options.get("capped"):
        raise CorruptJournalError(f"the collection {name!r} is capped: it would lose its oldest events")
    if "collation" in options:
        raise CorruptJournalError(f"the collection {name!r} has a collation, so that different keys would be one")


async def _create_index(collection: Collection, trying: Trying) -> None:
    await trying.run(lambda: collection.create_index(_KEYS, unique=True, collation=_SIMPLE))


async def _check_index(database: Database, name: str, trying: Trying) -> None:
    """Without the index, two writers could both win."""
    found = await trying.run(lambda: database.command({"listIndexes": name}))
    for index in found["cursor"]["firstBatch"]:
        if list(index["key"].items()) == _KEYS and index.get("unique") and "partialFilterExpression" not in index:
            return
    raise CorruptJournalError(f"the collection {name!r} has no unique index on key and sequence_number")
