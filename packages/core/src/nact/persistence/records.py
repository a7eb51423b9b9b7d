"""The two records that actors and engines exchange: `PersistedEvent` and `PersistedSnapshot`."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from nact.errors import InvalidEventError

JsonValue: TypeAlias = Any
"""`None`, `bool`, `int` within 64 bits signed, finite `float`, `str` of valid Unicode, lists, dicts with `str` keys."""

MAX_SEQUENCE_NUMBER = 2**63 - 1

IDS_AT_ONCE: Final = 256
_TIME: Final = 0xFFFF_FFFF_FFFF
_beginnings: list[str] = []
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_beginnings.clear)


def now_ms() -> int:
    """The time as journals store it: milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


def new_event_id() -> str:
    """A new UUID (version 4), as text: random except for its end, which is the time in nanoseconds.

    Random bytes are drawn in bulk: one system call per id would cost a seventh of a persist. The time at the end keeps
    ids unique after a running virtual machine is cloned, since the clones share the bytes drawn before.
    """
    try:
        beginning = _beginnings.pop()
    except IndexError:
        made = _new_beginnings()
        beginning = made.pop()
        _beginnings.extend(made)  # at once, since several threads may run this
    return f"{beginning}-{time.time_ns() & _TIME:012x}"


def _new_beginnings() -> list[str]:
    digits = os.urandom(10 * IDS_AT_ONCE).hex()
    each = [digits[start : start + 20] for start in range(0, len(digits), 20)]
    return [f"{one[:8]}-{one[8:12]}-4{one[13:16]}-8{one[17:]}" for one in each]


class PersistedEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):  # JSON values have no cycles to collect
    """One event of one key's journal.

    Attributes:
        key: The persistence key: any non-empty Unicode text.
        sequence_number: The event's place in its key's journal, counted from 1 without gaps.
        data: A JSON value.
        tags: Labels to filter by, sorted, each once. Any collection of strings may be given.
        created_at: The time when the writer made the event, in milliseconds since 1970-01-01 UTC.
        is_deleted: True for a *tombstone*: the data of this event, and of all events before it, was deleted.
        event_id: A UUID, as text, made by the writer. By it, engines recognise the same event when it is persisted
            again.
        metadata: A JSON object about the event: its cause and its reason, say. `{}` by default. Names that begin with
            `nact.` are reserved for nact.

    Raises:
        InvalidEventError: The key, the sequence number, a tag or the metadata is invalid. (The engine checks the
            contents of `data` and `metadata`.)
    """

    key: str
    sequence_number: int
    data: JsonValue
    tags: tuple[str, ...] = ()
    created_at: int = msgspec.field(default_factory=now_ms)
    is_deleted: bool = False
    event_id: str = msgspec.field(default_factory=new_event_id)
    metadata: Mapping[str, JsonValue] = {}  # msgspec copies it for each record

    def __post_init__(self) -> None:
        # Runs for each event that is written or read, so valid values, the usual case, cost no call.
        key, number = self.key, self.sequence_number
        is_key = type(key) is str and key.isascii() and key != ""
        if not is_key or type(number) is not int or not 1 <= number <= MAX_SEQUENCE_NUMBER:
            _check_place(key, number)
        if self.tags != ():
            msgspec.structs.force_setattr(self, "tags", sorted_tags(self.tags))
        if type(self.metadata) is not dict:
            _check_metadata(self.metadata)


class PersistedSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a key after the event with this sequence number.

    Attributes:
        key: The persistence key.
        sequence_number: The number of the last event that the state includes.
        data: The state, a JSON value.
        created_at: The time when the snapshot was taken, in milliseconds since 1970-01-01 UTC.
        event_id: The `event_id` of that last event. The snapshot is used only if the journal holds this event, or its
            tombstone, under this number. `None` in old snapshots, and in those by nact for JavaScript: they are used if
            the event under this number isn't newer than they are.
        metadata: A JSON object, as in `PersistedEvent`.

    Raises:
        InvalidEventError: The key, the sequence number, the event's id or the metadata is invalid.
    """

    key: str
    sequence_number: int
    data: JsonValue
    created_at: int = msgspec.field(default_factory=now_ms)
    event_id: str | None = None
    metadata: Mapping[str, JsonValue] = {}

    def __post_init__(self) -> None:
        _check_place(self.key, self.sequence_number)
        _check_metadata(self.metadata)
        identity = self.event_id
        if identity is not None and (type(identity) is not str or not identity or not is_unicode(identity)):
            raise InvalidEventError(
                f"a snapshot's event_id must be None or a non-empty string of valid Unicode, not {identity!r:.200}"
            )


def sorted_tags(tags: Collection[str]) -> tuple[str, ...]:
    """The tags as the journal holds them: sorted, each once.

    Raises:
        InvalidEventError: `tags` isn't a collection of non-empty strings of valid Unicode.
    """
    if isinstance(tags, str) or not isinstance(tags, Collection):
        raise InvalidEventError(f"tags must be a collection of strings, not {tags!r}")
    for tag in tags:
        if type(tag) is not str or not tag or not is_unicode(tag):
            raise InvalidEventError(f"a tag must be a non-empty string of valid Unicode, not {tag!r}")
    return tuple(sorted(set(tags)))


def tombstone(event: PersistedEvent) -> PersistedEvent:
    """The tombstone that takes the place of the event, the last one that a deletion removes."""
    return msgspec.structs.replace(event, data=None, tags=(), metadata={}, is_deleted=True)


def is_unicode(text: str) -> bool:
    """Tells whether the text can be written as UTF-8. Text with a lone surrogate can't."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_place(key: str, sequence_number: int) -> None:
    if type(key) is not str or not key or not is_unicode(key):
        raise InvalidEventError(f"a persistence key must be a non-empty string of valid Unicode, not {key!r}")
    if type(sequence_number) is not int or not 1 <= sequence_number <= MAX_SEQUENCE_NUMBER:
        raise InvalidEventError(
            f"a sequence number of key {key!r} must be an int from 1 to 2**63-1, not {sequence_number!r}"
        )


def _check_metadata(metadata: object) -> None:
    if type(metadata) is not dict:
        raise InvalidEventError(f"metadata must be a dict, a JSON object, not {metadata!r:.200}")
