"""Events and snapshots as documents, and back.

A document holds an event, or several that were persisted together:

    {key, sequence_number, event_id, created_at, tags, data, metadata}
    {key, sequence_number, events: [{sequence_number, event_id, created_at, tags, data, metadata}, ...]}

`sequence_number` is that of the first one. A tombstone that begins a journal is stored as a deletion leaves one in a
document of many: `sequence_number` is 1, and `events` holds the tombstone alone. So the unique index lets it in only
where no other record begins the journal. Empty metadata is absent. Data that BSON, or some server, can't hold exactly
stand as JSON text in `data_json`, in place of `data`; metadata, in `metadata_json`. A document whose events were all
deleted is a *husk*: `is_husk`, and no events.

Behind the end of a journal there may be a *fence*, `{key, sequence_number, is_husk, fence}`: see `Fences`.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from typing import Any, cast

import bson
from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument

from nact.errors import CorruptJournalError, InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building import json_data
from nact.persistence.building.json_data import MAX_INT, MIN_INT
from nact.persistence.records import JsonValue, is_unicode
from nact_persistence_mongo._connections.drivers import CODEC, Document

MAX_DOCUMENT = 16 * 1024 * 1024 - 1024
"""MongoDB's limit, less what it adds."""

FIELDS = (
    "sequence_number", "event_id", "created_at", "tags", "data", "data_json", "metadata", "metadata_json", "is_deleted",
)  # fmt: skip
"""Of a document that holds one event. (One that holds several has `events`.)"""

_MAX_DEPTH = 90
"""MongoDB promises a hundred levels; some are the document's own."""

_LEAST = 7
"""The bytes that a level takes, at least: a type, the end of a name, a length, an end."""

_length, _int64 = Struct("<i"), Struct("<q")
_KEY_LENGTH_AT = len(b"....\2key\0")


# --- to documents ------------------------------------------------------------------------------------------------


def event_bson(event: PersistedEvent) -> bytes:
    """The document of an event that stands alone, be it a tombstone.

    Raises:
        InvalidEventError: It can't be stored exactly.
    """
    if type(event.event_id) is not str or not is_unicode(event.event_id):
        raise InvalidEventError(f"event_id must be a string of valid Unicode, not {event.event_id!r}")
    fields = {
        "key": event.key,
        "sequence_number": event.sequence_number,
        "event_id": event.event_id,
        "created_at": _checked_time(event.created_at),
        "tags": event.tags,
    }
    if event.is_deleted:
        return bson.encode({**fields, "data": None, "is_deleted": True})
    return _with_values("event", fields, event.data, event.metadata)


def journal_document(key: str, first: int, events: Sequence[bytes]) -> RawBSONDocument:
    """The document for events that are stored together, or for a tombstone that stands for all before it."""
    inside = [RawBSONDocument(_without_key(event)) for event in events]
    return RawBSONDocument(bson.encode({"key": key, "sequence_number": first, "events": inside}))


def _without_key(event: bytes) -> bytes:
    # BSON is a length, the fields, and a zero byte. The key is the first field: 2, its name, a length, text and zero.
    (length,) = _length.unpack_from(event, _KEY_LENGTH_AT)
    fields = event[_KEY_LENGTH_AT + 4 + length :]
    return _length.pack(len(fields) + 4) + fields


def size_of(events: Sequence[bytes]) -> int:
    """About how many bytes the document for these will have, rather more."""
    return sum(map(len, events)) + (12 * len(events) + 100 if len(events) > 1 else 0)


def snapshot_bson(snapshot: PersistedSnapshot) -> bytes:
    """The document of a snapshot, which `revised_snapshot` completes.

    Raises:
        InvalidEventError: It can't be stored exactly.
    """
    fields: Document = {"key": snapshot.key, "sequence_number": snapshot.sequence_number}
    fields["created_at"] = _checked_time(snapshot.created_at)
    if snapshot.event_id is not None:
        fields["event_id"] = snapshot.event_id
    return _with_values("snapshot", fields, snapshot.data, snapshot.metadata)


def revised_snapshot(document: bytes, revision: int) -> RawBSONDocument:
    """The document of a snapshot with its revision: see `Snapshots`."""
    field = b"\x12revision\0" + _int64.pack(revision) + b"\0"
    return RawBSONDocument(_length.pack(len(document) + len(field) - 1) + document[4:-1] + field)


def _with_values(what: str, fields: Document, data: JsonValue, metadata: Mapping[str, JsonValue]) -> bytes:
    """The document of these fields, data and metadata, each as BSON where BSON holds it exactly."""
    json_data.check(data)
    values: dict[str, JsonValue] = {"data": data}
    if metadata:
        json_data.encode_metadata(metadata)  # which checks it, in the words of metadata
        values["metadata"] = metadata
    try:
        raw = bson.encode(fields | values)
    except InvalidDocument:  # a NUL in a name: the text holds it
        raw = b""
    if not raw or len(raw) > MAX_DOCUMENT or not _is_plain(values, raw):
        raw = bson.encode(fields | _with_texts(values, is_too_large=len(raw) > MAX_DOCUMENT))
    if len(raw) > MAX_DOCUMENT:
        raise InvalidEventError(
            f"{what} {fields['sequence_number']} has {len(raw)} bytes; a document of MongoDB holds {MAX_DOCUMENT}"
        )
    return raw


def _with_texts(values: Mapping[str, JsonValue], *, is_too_large: bool) -> Document:
    """The values, those of them as JSON text that BSON doesn't hold; all of them if they are too large as BSON."""
    odd = {name for name, value in values.items() if is_too_large or not _is_simple(value, _MAX_DEPTH)}
    return {
        f"{name}_json" if name in odd else name: json_data.encode(value).decode() if name in odd else value
        for name, value in values.items()
    }


def _is_plain(values: Mapping[str, JsonValue], raw: bytes) -> bool:
    """Whether every server and driver gives the values back as they are, asked of the bytes first."""
    is_flat = len(raw) < _MAX_DEPTH * _LEAST or raw.count(b"\x03") + raw.count(b"\x04") < _MAX_DEPTH
    return (is_flat and b"$" not in raw) or all(_is_simple(value, _MAX_DEPTH) for value in values.values())


def _is_simple(data: JsonValue, depth: int) -> bool:
    if type(data) is dict:
        return depth > 0 and not any(_is_odd(name) or not _is_simple(data[name], depth - 1) for name in data)
    if type(data) is list:
        return depth > 0 and all(_is_simple(item, depth - 1) for item in data)
    return True


def _is_odd(name: str) -> bool:
    # Names with a $ are refused by servers before 5.0, and {"$ref": ...} is made a DBRef by drivers.
    return name[:1] == "$" or "\0" in name


def _checked_time(created_at: object) -> int:
    if type(created_at) is not int or not MIN_INT <= created_at <= MAX_INT:
        raise InvalidEventError(f"created_at must be an int of milliseconds, within 64 bits, not {created_at!r}")
    return created_at


# --- from documents ----------------------------------------------------------------------------------------------


def events_in(key: str, document: Document) -> Iterator[PersistedEvent]:
    """The events that a document of the journal holds.

    Raises:
        CorruptJournalError: One can't be read.
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
    """Where the journal ends whose last document this is; only its numbers and its fence need be there."""
    if last is None:
        return 0
    number = last_number(key, last)
    return number - 1 if "fence" in last else number


def last_number(key: str, document: Document) -> int:
    """The highest sequence number in a document that is no husk; only its numbers need be there."""
    events = document.get("events")
    number = _number(events[-1] if type(events) is list and events and type(events[-1]) is dict else document)
    if number is None:
        raise CorruptJournalError("an event's sequence number isn't a number", key)
    return number


def stored_snapshot(key: str, document: Document) -> PersistedSnapshot:
    """The snapshot that a document holds.

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
    """The metadata. That it is an object, the record checks."""
    if "metadata" in document:
        return cast("dict[str, JsonValue]", _checked(key, number, "metadata", document["metadata"]))
    if "metadata_json" in document:
        return cast("dict[str, JsonValue]", _parsed(key, number, document, "metadata_json"))
    return {}


def _checked(key: str, number: int, name: str, value: JsonValue) -> JsonValue:
    try:
        # The fastest way to learn that nothing but plain values is in there: marshal refuses all others.
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


def decoded(raw: bytes) -> list[Document | InvalidDocument]:
    """The documents of a batch; one that can't be decoded ends it, as an error."""
    try:
        return list(bson.decode_all(raw, CODEC))
    except bson.errors.BSONError:
        pass
    documents: list[Document | InvalidDocument] = []
    try:
        documents.extend(bson.decode_iter(raw, CODEC))
    except bson.errors.BSONError as error:
        documents.append(InvalidDocument(str(error)))
    return documents
