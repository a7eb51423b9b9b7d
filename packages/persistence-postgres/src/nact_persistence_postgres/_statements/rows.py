"""Makes rows of the contract's records, and records of rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID, uuid5

import asyncpg
import msgspec

from nact.errors import CorruptJournalError, InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building import json_data
from nact.persistence.records import JsonValue, is_unicode
from nact_persistence_postgres._statements.foreign_rows import advice, decode_others
from nact_persistence_postgres._statements.jsonb import encode_for_jsonb, encode_metadata_for_jsonb
from nact_persistence_postgres._statements.sql import ColumnTypes

EventRow: TypeAlias = tuple[str, int, int, str, str, str, str | None]
"""persistence_key, sequence_nr, created_at, data, tags, event_id, metadata: the order of an INSERT."""

SnapshotRow: TypeAlias = tuple[str, int, int, str, str | None, str | None]
"""persistence_key, sequence_nr, created_at, data, event_id, metadata."""

Row: TypeAlias = "asyncpg.Record | tuple[Any, ...]"
"""Of an event: sequence_nr, data, created_at, is_deleted, tags, event_id, metadata; of a snapshot: sequence_nr, data,
created_at, event_id, metadata."""

Rows: TypeAlias = "Sequence[Row]"

DataEncoder: TypeAlias = Callable[[JsonValue], bytes]
MetadataEncoder: TypeAlias = Callable[[Mapping[str, JsonValue]], bytes | None]

NO_TAGS = "{}"

MAX_KEY_BYTES = 2600
"""An entry of a Postgres index takes 2704 bytes, the sequence number and its own bookkeeping included."""

_OLD_EVENTS = UUID("b1d8a1c6-5c0c-4a4e-9d3c-6f1f3b0a7e55")


class RowMaker:
    """Makes rows for one pair of tables, and refuses what those can't hold exactly.

    Args:
        events: The types of the journal's columns.
        snapshots: Those of the snapshots.
        max_key_characters: The longest key that these tables take; `None` if only the index bounds it.
    """

    def __init__(self, *, events: ColumnTypes, snapshots: ColumnTypes, max_key_characters: int | None) -> None:
        self._encode_event, self._encode_event_metadata = _encoders(events)
        self._encode_snapshot, self._encode_snapshot_metadata = _encoders(snapshots)
        self._max_key_characters = MAX_KEY_BYTES if max_key_characters is None else max_key_characters

    def event(self, event: PersistedEvent) -> EventRow:
        """The row that holds the event.

        Raises:
            InvalidEventError: It couldn't be read back exactly.
        """
        event_id = _checked_id(event.event_id)
        metadata = self._encode_event_metadata(event.metadata) if event.metadata else None
        return (
            self.key(event.key),
            event.sequence_number,
            _checked_time(event.created_at),
            self._encode_event(event.data).decode(),
            array_text(event.tags) if event.tags else NO_TAGS,
            event_id,
            None if metadata is None else metadata.decode(),
        )

    def snapshot(self, snapshot: PersistedSnapshot) -> SnapshotRow:
        """The row that holds the snapshot.

        Raises:
            InvalidEventError: It couldn't be read back exactly.
        """
        text = self._encode_snapshot(snapshot.data).decode()
        event_id = None if snapshot.event_id is None else _checked_id(snapshot.event_id)
        metadata = self._encode_snapshot_metadata(snapshot.metadata)
        return (
            self.key(snapshot.key),
            snapshot.sequence_number,
            _checked_time(snapshot.created_at),
            text,
            event_id,
            None if metadata is None else metadata.decode(),
        )

    def key(self, key: str) -> str:
        """Returns the key, if the tables can hold it.

        Raises:
            InvalidEventError: Otherwise.
        """
        if "\0" in key:
            raise InvalidEventError(f"Postgres can't hold the NUL in the persistence key {key!r:.200}")
        if len(key) > self._max_key_characters:
            raise InvalidEventError(
                f"the persistence key {key:.60}... is longer than {self._max_key_characters} characters"
            )
        if len(key) * 4 > MAX_KEY_BYTES and len(key.encode()) > MAX_KEY_BYTES:
            raise InvalidEventError(f"the persistence key {key:.60}... is longer than {MAX_KEY_BYTES} bytes in UTF-8")
        return key

    def check_key(self, key: str) -> str:
        """Returns the key of a read or a deletion, if the tables can hold it.

        Raises:
            ValueError: Otherwise.
        """
        try:
            return self.key(key)
        except InvalidEventError as error:
            raise ValueError(str(error)) from None


def listed(numbers: Iterable[int]) -> str:
    """The numbers as one text, as the statements take them; see `Statements`."""
    return ",".join(map(str, numbers))


def array_text(tags: Collection[str]) -> str:
    """The tags as Postgres writes an array.

    Raises:
        InvalidEventError: One holds a NUL.
    """
    quoted = [tag.replace("\\", "\\\\").replace('"', '\\"') for tag in tags]
    text = '{"' + '","'.join(quoted) + '"}'
    if "\0" in text:
        raise InvalidEventError(f"Postgres can't hold the NUL in one of the tags {sorted(tags)!r:.200}")
    return text


def stored_event(key: str, row: Row) -> PersistedEvent:
    """The event that a row holds.

    Raises:
        CorruptJournalError: It can't be read.
    """
    number, data, created_at, is_deleted, tags, event_id, metadata = row
    decode = decode_others if event_id is None else json_data.decode
    try:
        return PersistedEvent(
            key=key,
            sequence_number=number,
            data=None if is_deleted else decode(data),
            tags=_stored_tags(tags) if tags and not is_deleted else (),
            created_at=created_at,
            is_deleted=is_deleted,
            event_id=event_id or old_event_id(key, number),
            metadata={} if metadata is None or is_deleted else _stored_metadata(metadata, key, number),
        )
    except (ValueError, TypeError) as error:
        raise CorruptJournalError(advice(data, error), key, number) from error


def stored_snapshot(key: str, row: Row) -> PersistedSnapshot:
    """The snapshot that a row holds.

    Raises:
        CorruptJournalError: It can't be read.
    """
    number, data, created_at, event_id, metadata = row
    fields = {"key": key, "sequence_number": number, "created_at": created_at, "event_id": event_id}
    if metadata is not None:
        fields["metadata"] = _stored_metadata(metadata, key, number)
    decode = decode_others if event_id is None else json_data.decode
    try:
        return msgspec.convert({**fields, "data": decode(str(data))}, PersistedSnapshot)
    except ValueError as error:
        place = number if type(number) is int else None
        raise CorruptJournalError(f"the snapshot can't be decoded: {error}", key, place) from error


def old_event_id(key: str, number: int) -> str:
    """The id of an event that was stored before events had ids: the same whenever it is read."""
    return str(uuid5(_OLD_EVENTS, f"{number}/{key}"))


def _stored_metadata(text: str, key: str, number: int) -> dict[str, JsonValue]:
    try:
        return json_data.decode_metadata(text)
    except ValueError as error:
        raise CorruptJournalError(f"its metadata can't be decoded: {error}", key, number) from error


def _encoders(types: ColumnTypes) -> tuple[DataEncoder, MetadataEncoder]:
    """The functions that make the texts of `data` and of `metadata`."""
    return (
        encode_for_jsonb if types.data == "jsonb" else json_data.encode,
        encode_metadata_for_jsonb if types.metadata == "jsonb" else json_data.encode_metadata,
    )


def _stored_tags(tags: Collection[str | None]) -> tuple[str, ...]:
    """Leaves out empty tags, which nact for JavaScript stores: they say nothing, and no reader can ask for them."""
    return tuple(tag for tag in tags if tag)


def _checked_id(event_id: object) -> str:
    if type(event_id) is not str or not event_id or "\0" in event_id or not is_unicode(event_id):
        raise InvalidEventError(f"event_id must be a non-empty string of valid Unicode without NUL, not {event_id!r}")
    return event_id


def _checked_time(created_at: int) -> int:
    if type(created_at) is not int or not json_data.MIN_INT <= created_at <= json_data.MAX_INT:
        raise InvalidEventError(f"created_at must be an int of milliseconds within 64 bits, not {created_at!r}")
    return created_at
