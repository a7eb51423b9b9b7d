"""Encodes events and snapshots as BSON, exactly or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct

import bson
from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument

from nact.errors import InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building import json_data
from nact.persistence.building.json_data import MAX_INT, MIN_INT
from nact.persistence.records import JsonValue, is_unicode
from nact_persistence_mongo._documents.codec import Document

MAX_DOCUMENT = 16 * 1024 * 1024 - 1024
"""The bytes that a document may have: MongoDB's limit, less what the server and the engine add."""

_MAX_DEPTH = 90
"""The levels that data may have as BSON. MongoDB promises a hundred; the document itself needs some of them."""

_LEVEL_BYTES = 7
"""The bytes that a level takes at least: a type, the end of a name, a length, an end."""

_length, _int64 = Struct("<i"), Struct("<q")
_KEY_LENGTH_AT = len(b"....\2key\0")


def event_bson(event: PersistedEvent) -> bytes:
    """The document of one event, which may be a tombstone.

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
    """The document for events that are stored together, or for a tombstone that stands for all events before it."""
    inside = [RawBSONDocument(_without_key(event)) for event in events]
    return RawBSONDocument(bson.encode({"key": key, "sequence_number": first, "events": inside}))


def _without_key(event: bytes) -> bytes:
    # BSON is a length, the fields, and a zero byte. The key is the first field: 2, its name, a length, text and zero.
    (length,) = _length.unpack_from(event, _KEY_LENGTH_AT)
    fields = event[_KEY_LENGTH_AT + 4 + length :]
    return _length.pack(len(fields) + 4) + fields


def size_of(events: Sequence[bytes]) -> int:
    """An upper estimate of the bytes of the document that will hold these events."""
    return sum(map(len, events)) + (12 * len(events) + 100 if len(events) > 1 else 0)


def snapshot_bson(snapshot: PersistedSnapshot) -> bytes:
    """The document of a snapshot, to which `revised_snapshot` adds the revision.

    Raises:
        InvalidEventError: It can't be stored exactly.
    """
    fields: Document = {"key": snapshot.key, "sequence_number": snapshot.sequence_number}
    fields["created_at"] = _checked_time(snapshot.created_at)
    if snapshot.event_id is not None:
        fields["event_id"] = snapshot.event_id
    return _with_values("snapshot", fields, snapshot.data, snapshot.metadata)


def revised_snapshot(document: bytes, revision: int) -> RawBSONDocument:
    """The document of a snapshot, with its revision added: see `Snapshots`."""
    field = b"\x12revision\0" + _int64.pack(revision) + b"\0"
    return RawBSONDocument(_length.pack(len(document) + len(field) - 1) + document[4:-1] + field)


def _with_values(what: str, fields: Document, data: JsonValue, metadata: Mapping[str, JsonValue]) -> bytes:
    """The document of the fields, data and metadata; the latter two as BSON where BSON holds them exactly."""
    json_data.check(data)
    values: dict[str, JsonValue] = {"data": data}
    if metadata:
        json_data.encode_metadata(metadata)  # which checks it, in the words of metadata
        values["metadata"] = metadata
    try:
        raw = bson.encode(fields | values)
    except InvalidDocument:  # a name has a NUL, which JSON text can hold
        raw = b""
    if not raw or len(raw) > MAX_DOCUMENT or not _is_plain(values, raw):
        raw = bson.encode(fields | _with_texts(values, is_too_large=len(raw) > MAX_DOCUMENT))
    if len(raw) > MAX_DOCUMENT:
        raise InvalidEventError(
            f"{what} {fields['sequence_number']} has {len(raw)} bytes; a document of MongoDB holds {MAX_DOCUMENT}"
        )
    return raw


def _with_texts(values: Mapping[str, JsonValue], *, is_too_large: bool) -> Document:
    """The values, with JSON text for those that BSON can't hold, or for all if they are too large as BSON."""
    odd = {name for name, value in values.items() if is_too_large or not _is_simple(value, _MAX_DEPTH)}
    return {
        f"{name}_json" if name in odd else name: json_data.encode(value).decode() if name in odd else value
        for name, value in values.items()
    }


def _is_plain(values: Mapping[str, JsonValue], raw: bytes) -> bool:
    """True if every server and driver returns the values unchanged. Looks at the bytes first, which is fast."""
    is_flat = len(raw) < _MAX_DEPTH * _LEVEL_BYTES or raw.count(b"\x03") + raw.count(b"\x04") < _MAX_DEPTH
    return (is_flat and b"$" not in raw) or all(_is_simple(value, _MAX_DEPTH) for value in values.values())


def _is_simple(data: JsonValue, depth: int) -> bool:
    if type(data) is dict:
        return depth > 0 and not any(_is_odd(name) or not _is_simple(data[name], depth - 1) for name in data)
    if type(data) is list:
        return depth > 0 and all(_is_simple(item, depth - 1) for item in data)
    return True


def _is_odd(name: str) -> bool:
    # Servers before 5.0 refuse names with a $, and drivers make a DBRef of {"$ref": ...}. BSON has no NUL in names.
    return name[:1] == "$" or "\0" in name


def _checked_time(created_at: object) -> int:
    if type(created_at) is not int or not MIN_INT <= created_at <= MAX_INT:
        raise InvalidEventError(f"created_at must be an int of milliseconds, within 64 bits, not {created_at!r}")
    return created_at
