"""Converts the records of the contract to rows of the tables, and back."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from nact.errors import CorruptJournalError, InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building import json_data
from nact.persistence.building.checks import check_snapshot, check_tags
from nact.persistence.records import JsonValue, is_unicode

EventRow: TypeAlias = (
    "tuple[str, int, int, str | None, int, str, str] | tuple[str, int, int, str | None, int, str, str, str]"
)
"""persistence_key, sequence_nr, created_at, data, is_deleted, tags, event_id, metadata: the order of an INSERT.

Without metadata the row is shorter: a parameter less for each row makes a batch 6 % faster."""

SnapshotRow: TypeAlias = tuple[str, int, int, str, str | None, str | None]
"""persistence_key, sequence_nr, created_at, data, event_id, metadata."""

StoredEvent: TypeAlias = tuple[int, bytes | None, bytes, int, int, bytes, bytes | None]
"""sequence_nr, data, tags, created_at, is_deleted, event_id, metadata: as they are read, text still in UTF-8."""

StoredSnapshot: TypeAlias = tuple[int, bytes, int, bytes | None, bytes | None]
"""sequence_nr, data, created_at, event_id (of snapshots that earlier releases took, None), metadata."""

EVENT_COLUMNS = 7
"""Of an event's row without metadata."""

_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode


def event_row(event: PersistedEvent) -> EventRow:
    """The row that holds the event.

    Raises:
        InvalidEventError: It couldn't be read back exactly.
    """
    if type(event.event_id) is not str or not event.event_id or not is_unicode(event.event_id):
        raise InvalidEventError(f"event_id must be a non-empty string of valid Unicode, not {event.event_id!r}")
    row = (
        event.key,
        event.sequence_number,
        _checked_time(event.created_at),
        None if event.is_deleted else json_data.encode(event.data).decode(),
        1 if event.is_deleted else 0,
        json_data.encode(list(event.tags)).decode() if event.tags else "[]",
        event.event_id,
    )
    metadata = event.metadata and json_data.encode_metadata(event.metadata)  # most have none
    return (*row, metadata.decode()) if metadata else row


def snapshot_row(snapshot: PersistedSnapshot) -> SnapshotRow:
    """The row that holds the snapshot.

    Raises:
        TypeError: It isn't a `PersistedSnapshot`.
        InvalidEventError: It couldn't be read back exactly.
    """
    check_snapshot(snapshot)
    metadata = json_data.encode_metadata(snapshot.metadata)
    return (
        snapshot.key,
        snapshot.sequence_number,
        _checked_time(snapshot.created_at),
        json_data.encode(snapshot.data).decode(),
        snapshot.event_id,
        None if metadata is None else metadata.decode(),
    )


def size_of(row: EventRow | SnapshotRow) -> int:
    """The length of its data and metadata, roughly in bytes: for the bounds of a batch."""
    size = 0 if row[3] is None else len(row[3])
    return size + len(row[-1] or "") if len(row) != EVENT_COLUMNS else size


def stored_tags(key: str, row: StoredEvent) -> tuple[str, ...]:
    """The tags of a stored event.

    Raises:
        CorruptJournalError: They can't be read.
    """
    try:
        return check_tags(_decode_tags(row[2]))
    except (ValueError, TypeError) as error:
        raise CorruptJournalError(f"its tags are no JSON array of strings: {error}", key, row[0]) from error


def stored_event(key: str, row: StoredEvent, tags: tuple[str, ...]) -> PersistedEvent:
    """The event that a row holds.

    Raises:
        CorruptJournalError: It can't be read.
    """
    number, data, _, created_at, is_deleted, event_id, metadata = row
    try:
        if type(created_at) is not int or (is_deleted != 0 and is_deleted != 1):  # noqa: PLR1714 - often
            raise ValueError("created_at or is_deleted isn't such a number")
        event = PersistedEvent(
            key=key,
            sequence_number=number,
            data=None if is_deleted else _decoded(data),
            tags=tags,
            created_at=created_at,
            is_deleted=is_deleted == 1,
            event_id=event_id.decode(),
        )
        if metadata is None or is_deleted:  # most have none
            return event
        return msgspec.structs.replace(event, metadata=_decoded_metadata(metadata))
    except (ValueError, AttributeError) as error:
        raise CorruptJournalError(f"the row can't be decoded: {error}", key, number) from error


def stored_snapshot(key: str, row: StoredSnapshot) -> PersistedSnapshot:
    """The snapshot that a row holds.

    Raises:
        CorruptJournalError: It can't be read.
    """
    number, data, created_at, event_id, metadata = row
    try:
        return PersistedSnapshot(
            key=key,
            sequence_number=number,
            data=_decoded(data),
            created_at=created_at,
            event_id=None if event_id is None else event_id.decode(),
            metadata={} if metadata is None else _decoded_metadata(metadata),
        )
    except (ValueError, AttributeError) as error:
        raise CorruptJournalError(f"the snapshot can't be decoded: {error}", key, number) from error


def _decoded(data: bytes | None) -> object:
    if type(data) is not bytes:
        raise ValueError(f"data is {data!r}, and not JSON text")
    return json_data.decode(data)


def _decoded_metadata(text: bytes) -> dict[str, JsonValue]:
    if type(text) is not bytes:
        raise ValueError(f"metadata is {text!r}, and not JSON text")
    return json_data.decode_metadata(text)


def _checked_time(created_at: int) -> int:
    if type(created_at) is not int or not json_data.MIN_INT <= created_at <= json_data.MAX_INT:
        raise InvalidEventError(f"created_at must be an int of milliseconds within 64 bits, not {created_at!r}")
    return created_at
