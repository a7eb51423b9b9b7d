"""Converts the contract's records to and from their form in Redis: JSON text in UTF-8, and numbers in decimal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from nact.errors import CorruptJournalError, InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building import json_data
from nact.persistence.building.checks import check_tags
from nact.persistence.records import MAX_SEQUENCE_NUMBER, is_unicode

EventFields: TypeAlias = tuple[str, ...]
"""The entry's id, event_id, created_at, tags, data, and the metadata if there is any: as `APPEND` takes them.

Of a tombstone the first three.
"""

Entry: TypeAlias = "list[Any] | tuple[Any, ...]"
"""A stream's entry as Redis returns it: its id, then its fields and their values in turn."""

MAX_TEXT = 64 * 1024 * 1024
"""Bytes of JSON in one event: Redis takes no more than 512 MB in one argument, and a batch has many events."""

MAX_EVENTS = 20_000
"""Events in one batch: while a script runs, Redis does nothing else. See docs/adr/0053."""

_EVENT = b"@"
_BOTH = b"#"
_DIGITS = len(str(MAX_SEQUENCE_NUMBER))
_FIELDS = (b"event_id", b"created_at", b"tags", b"data")
_PLAIN, _PLAIN_READ = 5, 8
"""The number of texts of an event without metadata, as it is sent and as it is read."""
_decode = json_data.decode
_decode_both = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode


def event_fields(event: PersistedEvent) -> EventFields:
    """The fields of the event's entry.

    Raises:
        InvalidEventError: The event couldn't be read back exactly.
    """
    if type(event.event_id) is not str or not event.event_id or not is_unicode(event.event_id):
        raise InvalidEventError(f"event_id must be a non-empty string of valid Unicode, not {event.event_id!r}")
    entry_id, created_at = f"{event.sequence_number}-0", str(_checked_time(event.created_at))
    if event.is_deleted:
        return entry_id, event.event_id, created_at
    text, tags = json_data.encode(event.data), "[]"
    if event.tags:
        tags = json_data.encode(list(event.tags)).decode()
    metadata = _checked_metadata(event, text)
    if metadata is None:
        return entry_id, event.event_id, created_at, tags, text.decode()
    return entry_id, event.event_id, created_at, tags, text.decode(), metadata.decode()


def batch_fields(events: Sequence[PersistedEvent]) -> list[EventFields]:
    """The fields of the entries of a batch.

    Raises:
        InvalidEventError: One event couldn't be read back exactly, or all together would block the server for too long.
    """
    if len(events) > MAX_EVENTS:
        raise InvalidEventError(
            f"the batch has {len(events)} events, and there may be {MAX_EVENTS}; persist it in parts"
        )
    fields = [event_fields(event) for event in events]
    size = text_size(fields)
    if size > MAX_TEXT:
        raise InvalidEventError(f"the batch has {size} characters of JSON, and there may be {MAX_TEXT}")
    return fields


def text_size(events: Sequence[EventFields]) -> int:
    """The length of the events' data and metadata, in characters of JSON."""
    return sum(len(fields[4]) if len(fields) == _PLAIN else sum(map(len, fields[4:])) for fields in events)


def page_size(entries: Sequence[Entry]) -> int:
    """The length of the entries, in bytes of JSON, nearly."""
    return sum(len(fields[-1]) if len(fields) == _PLAIN_READ else sum(map(len, fields)) for _, fields in entries)


def entry_number(key: str, entry: Entry) -> int:
    """The sequence number of a stream's entry.

    Raises:
        CorruptJournalError: It has none.
    """
    number, _, rest = bytes(entry[0]).partition(b"-")
    if rest != b"0":
        raise CorruptJournalError(f"its stream has an entry {entry[0]!r}, which this engine didn't write", key)
    return int(number)


def stored_event(key: str, number: int, fields: Sequence[bytes], tags: frozenset[str]) -> PersistedEvent | None:
    """The event in an entry's fields; `None` if it doesn't carry the tags.

    Raises:
        CorruptJournalError: It can't be read.
    """
    try:
        metadata = None
        if len(fields) == _PLAIN_READ + 2:
            *fields, metadata_name, metadata = fields
            if metadata_name != b"metadata":
                raise ValueError(f"it has the field {metadata_name!r}")
        id_name, event_id, time_name, created_at, tags_name, its_tags, data_name, data = fields
        if (id_name, time_name, tags_name, data_name) != _FIELDS:
            raise ValueError(f"it has the fields {fields[::2]!r}")
        carried = () if its_tags == b"[]" else check_tags(_decode_tags(its_tags))
        if tags and not tags.issubset(carried):
            return None
        return PersistedEvent(
            key=key,
            sequence_number=number,
            data=_decode(data),
            tags=carried,
            created_at=int(created_at),
            event_id=event_id.decode(),
            metadata={} if metadata is None else json_data.decode_metadata(metadata),
        )
    except (ValueError, TypeError) as error:
        raise CorruptJournalError(f"its entry can't be read: {error}", key, number) from error


def stored_tombstone(key: str, fields: Entry) -> PersistedEvent:
    """A tombstone that `TOMBSTONES` returned: sequence number, event_id, created_at, and the group's name.

    Raises:
        CorruptJournalError: It can't be read.
    """
    try:
        number, event_id, created_at, _ = fields
        return PersistedEvent(
            key=key,
            sequence_number=int(number),
            data=None,
            created_at=int(created_at),
            is_deleted=True,
            event_id=event_id.decode(),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptJournalError(f"its tombstone can't be decoded: {error!r}", key) from error


def padded(number: int) -> bytes:
    """The number with leading zeros, so that texts sort as numbers do."""
    return b"%0*d" % (_DIGITS, number)


def snapshot_member(snapshot: PersistedSnapshot) -> bytes:
    """The snapshot as a member of the sorted set: number, time, its event's id and JSON text, with blanks between them.

    The id is JSON text after an `@`, without blanks. A snapshot without an id lacks it. The JSON text is the data; with
    metadata it is an object of both, after a `#`.

    Raises:
        InvalidEventError: It couldn't be read back exactly.
    """
    text, identity = json_data.encode(snapshot.data), b""
    metadata = _checked_metadata(snapshot, text)
    if metadata is not None:
        text = b'#{"metadata":%b,"data":%b}' % (metadata, text)
    if snapshot.event_id is not None:
        identity = _EVENT + json_data.encode(snapshot.event_id).replace(b" ", b"\\u0020") + b" "
    created_at = _checked_time(snapshot.created_at)
    return b"%b %d %b%b" % (padded(snapshot.sequence_number), created_at, identity, text)


def stored_snapshot(key: str, member: bytes) -> PersistedSnapshot:
    """The snapshot in a member of the sorted set.

    Raises:
        CorruptJournalError: It can't be read.
    """
    number, _, rest = member.partition(b" ")
    created_at, _, text = rest.partition(b" ")
    event_id = None
    sequence_number = int(number) if number.isdigit() else None
    try:
        if text.startswith(_EVENT):  # no JSON text does
            identity, _, text = text.removeprefix(_EVENT).partition(b" ")
            event_id = json_data.decode(identity)
        metadata: dict[str, Any] = {}
        if text.startswith(_BOTH):
            text, metadata = _split(text.removeprefix(_BOTH))
        return PersistedSnapshot(
            key=key,
            sequence_number=int(number),
            data=json_data.decode(text),
            created_at=int(created_at),
            event_id=event_id,
            metadata=metadata,
        )
    except ValueError as error:
        raise CorruptJournalError(f"the snapshot can't be decoded: {error}", key, sequence_number) from error


def _checked_metadata(record: PersistedEvent | PersistedSnapshot, text: bytes) -> bytes | None:
    """The metadata as JSON text, if there is any. Refuses what is too large together with the text of the data."""
    metadata = json_data.encode_metadata(record.metadata) if record.metadata else None
    size = len(text) if metadata is None else len(text) + len(metadata)
    if size > MAX_TEXT:
        raise InvalidEventError(f"the data and metadata have {size} bytes of JSON, and there may be {MAX_TEXT}")
    return metadata


def _split(text: bytes) -> tuple[bytes, dict[str, Any]]:
    """The text of a snapshot's data, and its metadata, from a text that holds both."""
    both = _decode_both(text)
    if both.keys() != {"metadata", "data"}:
        raise ValueError(f"it has {', '.join(map(repr, both))} and not 'metadata' and 'data'")
    return bytes(both["data"]), json_data.decode_metadata(bytes(both["metadata"]))


def _checked_time(created_at: int) -> int:
    if type(created_at) is not int or not json_data.MIN_INT <= created_at <= json_data.MAX_INT:
        raise InvalidEventError(f"created_at must be an int of milliseconds within 64 bits, not {created_at!r}")
    return created_at
