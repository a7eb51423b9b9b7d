"""Reads URLs: the options of MongoDB's drivers, and the engine's own ones beside them."""

from __future__ import annotations

from nact.persistence.building.url_options import BOOLEAN, COUNT, NAME, SECONDS, Option, read_options
from nact_persistence_mongo.engine import MongoPersistenceEngine

_OPTIONS = {
    "create_if_not_exists": BOOLEAN,
    "event_collection": NAME,
    "journal": BOOLEAN,
    "max_batch": COUNT,
    "page_size": COUNT,
    "prefix": NAME,
    "retry_for": SECONDS,
    "snapshot_collection": NAME,
    "w": Option(lambda text: int(text) if text.isdecimal() else text, "majority, a name, or a whole number"),
}


def engine_from_url(url: str) -> MongoPersistenceEngine:
    """The engine for `mongodb://` or `mongodb+srv://`; the path names the database, `nact` if there is none.

    The query holds options of `MongoPersistenceEngine` and of the driver, as in
    `mongodb://one,two,three/contacts?replicaSet=rs0&retry_for=30`.

    Raises:
        ValueError: The URL is invalid; the message says why.
    """
    address, mark, query = url.partition("?")
    parts = [part.partition("=") for part in query.replace(";", "&").split("&")] if mark else []
    options, _ = read_options([(name, text) for name, _, text in parts], _OPTIONS)
    drivers = "&".join("".join(part) for part in parts if part[0] not in _OPTIONS)
    if drivers and address.count("/") == len("//"):
        address += "/"
    return MongoPersistenceEngine(f"{address}?{drivers}" if drivers else address, **options)
