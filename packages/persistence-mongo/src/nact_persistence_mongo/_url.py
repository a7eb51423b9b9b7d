"""Reads URLs: what MongoDB's drivers make of them, and the engine's own options behind the `?`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from nact_persistence_mongo.engine import MongoPersistenceEngine

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _boolean(text: str) -> bool:
    return _BOOLEANS[text.lower()]


def _count_or_name(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


_OPTIONS: dict[str, tuple[Callable[[str], Any], str]] = {
    "create_if_not_exists": (_boolean, "true or false"),
    "event_collection": (str, "a name"),
    "journal": (_boolean, "true or false"),
    "max_batch": (int, "a whole number"),
    "page_size": (int, "a whole number"),
    "snapshot_collection": (str, "a name"),
    "timeout": (float, "a number of seconds"),
    "w": (_count_or_name, "majority, a name, or a whole number"),
}


def engine_from_url(url: str) -> MongoPersistenceEngine:
    """The engine for `mongodb://` or `mongodb+srv://`; the path names the database, `nact` if there is none.

    After a `?` come the options of `MongoPersistenceEngine` and those of the driver, as in
    `mongodb://one,two,three/contacts?replicaSet=rs0&timeout=30`.

    Raises:
        ValueError: The URL says something else; the message says what.
    """
    address, mark, query = url.partition("?")
    ours: dict[str, Any] = {}
    drivers: list[str] = []
    for part in query.replace(";", "&").split("&") if mark else ():
        name, _, text = part.partition("=")
        if name not in _OPTIONS:
            drivers.append(part)
            continue
        if name in ours:
            raise ValueError(f"the URL has the option {name!r} twice")
        convert, expected = _OPTIONS[name]
        try:
            ours[name] = convert(unquote(text))
        except (ValueError, KeyError) as error:
            raise ValueError(f"the option {name} must be {expected}, not {text!r}") from error
    if drivers and address.count("/") == len("//"):
        address += "/"
    return MongoPersistenceEngine(address + ("?" + "&".join(drivers) if drivers else ""), **ours)
