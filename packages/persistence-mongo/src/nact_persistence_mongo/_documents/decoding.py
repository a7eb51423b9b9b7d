"""Makes events and snapshots of documents. What can't be read is a `CorruptJournalError`."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from typing import Any, cast

from nact.errors import CorruptJournalError, InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building import json_data
from nact.persistence.records import JsonValue
from nact_persistence_mongo._documents.codec import Document

FIELDS = (
    "sequence_number", "event_id", "created_at", "tags", "data", "data_json", "metadata", "metadata_json", "is_deleted",
)  # fmt: skip
"""The fields of a document that holds one event. One that holds several has `events` instead."""

LAST_FIELDS: Document = {"_id": 0, "sequence_number": 1, "events.sequence_number": 1, "fence": 1}
"""A projection of a journal's last document: the fields that `end_of` needs."""


def events_in(key: str, document: Document) -> Iterator[PersistedEvent]:
    """The events of a document of the journal.

    Raises:
        CorruptJournalError: An event can't be read.
    """
    if document.get("is_husk") is True:
        return
    if "events" not in document:
        yield _stored_event(key, document)
        return
    events = document["events"]
    if type(events) is not list or not events:
        raise CorruptJournalError("its events aren't a list of events", key, _number(document))
    for event in events:
        if type(event) is not dict:
            raise CorruptJournalError("its events aren't documents", key, _number(document))
        yield _stored_event(key, event)


def end_of(key: str, last: Document | None) -> int:
    """The last sequence number of a journal, 0 if it has none.

    Args:
        key: The persistence key.
        last: The journal's last document, of which `LAST_FIELDS` suffice.
    """
    if last is None:
        return 0
    number = last_number(key, last)
    return number - 1 if "fence" in last else number


def last_number(key: str, document: Document) -> int:
    """The highest sequence number in a document, of which the numbers suffice.

    Raises:
        CorruptJournalError: It isn't a number.
    """
    events = document.get("events")
    number = _number(events[-1] if type(events) is list and events and type(events[-1]) is dict else document)
    if number is None:
        raise CorruptJournalError("an event's sequence number isn't a number", key)
    return number


def stored_snapshot(key: str, document: Document) -> PersistedSnapshot:
    """The snapshot of a document.

    Raises:
        CorruptJournalError: It can't be read.
    """
    number = last_number(key, document)
    is_named = document.get("event_id") is not None
    try:
        return PersistedSnapshot(
            key=key,
            sequence_number=number,
            data=_stored_data(key, number, document),
            created_at=_stored(key, number, document, "created_at", int),
            event_id=_stored(key, number, document, "event_id", str) if is_named else None,
            metadata=_stored_metadata(key, number, document),
        )
    except InvalidEventError as error:
        raise CorruptJournalError(str(error), key, number) from error


def _stored_event(key: str, document: Document) -> PersistedEvent:
    number = _number(document)
    if number is None:
        raise CorruptJournalError("an event's sequence number isn't a number", key)
    is_deleted = document.get("is_deleted") is True
    try:
        return PersistedEvent(
            key=key,
            sequence_number=number,
            data=None if is_deleted else _stored_data(key, number, document),
            tags=tuple(_stored(key, number, document, "tags", list)),
            created_at=_stored(key, number, document, "created_at", int),
            is_deleted=is_deleted,
            event_id=_stored(key, number, document, "event_id", str),
            metadata={} if is_deleted else _stored_metadata(key, number, document),
        )
    except InvalidEventError as error:
        raise CorruptJournalError(str(error), key, number) from error


def _number(document: Document) -> int | None:
    number = document.get("sequence_number")
    return number if type(number) is int else None


def _stored(key: str, number: int, document: Document, name: str, kind: type) -> Any:
    value = document.get(name)
    if type(value) is not kind:
        raise CorruptJournalError(f"its {name} is {value!r:.200}", key, number)
    return value


def _stored_data(key: str, number: int, document: Document) -> JsonValue:
    if "data" in document:
        return _checked(key, number, "data", document["data"])
    return _parsed(key, number, document, "data_json")


def _stored_metadata(key: str, number: int, document: Document) -> dict[str, JsonValue]:
    """The metadata; the record that is made of it checks that it is a dict."""
    if "metadata" in document:
        return cast("dict[str, JsonValue]", _checked(key, number, "metadata", document["metadata"]))
    if "metadata_json" in document:
        return cast("dict[str, JsonValue]", _parsed(key, number, document, "metadata_json"))
    return {}


def _checked(key: str, number: int, name: str, value: JsonValue) -> JsonValue:
    try:
        # marshal accepts nothing but plain values, and is the fastest check for them.
        marshal.dumps(value)
    except ValueError:
        _explain_foreign(key, number, name, value)
    return value


def _explain_foreign(key: str, number: int, name: str, value: JsonValue) -> None:
    try:
        json_data.check(value)
    except InvalidEventError as error:
        raise CorruptJournalError(f"its {name} was written by another program: {error}", key, number) from error


def _parsed(key: str, number: int, document: Document, name: str) -> JsonValue:
    try:
        return json_data.decode(_stored(key, number, document, name, str))
    except ValueError as error:
        raise CorruptJournalError(f"its {name} isn't JSON: {error}", key, number) from error
