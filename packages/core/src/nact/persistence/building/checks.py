"""Checks the arguments of an engine's methods, so that all engines refuse the same ones with the same messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nact.errors import InvalidEventError
from nact.persistence.records import MAX_SEQUENCE_NUMBER, PersistedEvent, PersistedSnapshot, is_unicode, sorted_tags


def check_key(key: str) -> str:
    """Returns the persistence key.

    Raises:
        TypeError: It isn't a `str`.
        ValueError: It is empty, or not valid Unicode.
    """
    _check_text("a persistence key", key)
    if not key:
        raise ValueError("a persistence key must not be empty")
    return key


def check_prefix(prefix: str) -> str:
    """Returns the text that keys have to begin with.

    Raises:
        TypeError: It isn't a `str`.
        ValueError: It isn't valid Unicode.
    """
    _check_text("prefix", prefix)
    return prefix


def check_tags(tags: Collection[str]) -> tuple[str, ...]:
    """Returns the tags that events have to carry, sorted, each once.

    Raises:
        TypeError: It isn't a collection.
        ValueError: One of them isn't a non-empty `str` of valid Unicode.
    """
    if isinstance(tags, str) or not isinstance(tags, Collection):
        raise TypeError(f"tags must be a collection of strings, not {tags!r}")
    try:
        return sorted_tags(tags)
    except InvalidEventError as error:
        raise ValueError(str(error)) from None


def check_window(after: int, limit: int | None) -> None:
    """Returns if `after` and `limit` are valid arguments of `PersistenceEngine.events`.

    Raises:
        TypeError: One of them isn't an `int`.
        ValueError: One of them is negative.
    """
    _check_count("after", after)
    if limit is not None:
        _check_count("limit", limit)


def check_up_to(up_to: int) -> int:
    """Returns the bound of a deletion, cut to the range of sequence numbers.

    Raises:
        TypeError: It isn't an `int`.
    """
    if type(up_to) is not int:
        raise TypeError(f"up_to must be an int, not {up_to!r}")
    return max(0, min(up_to, MAX_SEQUENCE_NUMBER))


def check_batch(events: Sequence[PersistedEvent]) -> None:
    """Returns if `persist` (for one event) or `persist_all` may store the events: one key, consecutive numbers.

    A tombstone is accepted only alone, and without data, tags and metadata. The engine has to make sure that it is the
    first record of its key.

    Raises:
        TypeError: One of them isn't a `PersistedEvent`.
        InvalidEventError: They don't form a batch, or a tombstone is one of several, or has data, tags or metadata.
    """
    for place, event in enumerate(events):
        if not isinstance(event, PersistedEvent):
            raise TypeError(f"expected a PersistedEvent, not {event!r}")
        if event.is_deleted:
            _check_tombstone(event, len(events))
        if event.key != events[0].key or event.sequence_number != events[0].sequence_number + place:
            raise InvalidEventError(
                f"a batch has one key and consecutive numbers: it began with {events[0].sequence_number} of key "
                f"{events[0].key!r}, and has {event.sequence_number} of key {event.key!r} at place {place}"
            )


def check_snapshot(snapshot: PersistedSnapshot) -> None:
    """Returns if it is a snapshot.

    Raises:
        TypeError: It isn't a `PersistedSnapshot`.
    """
    if not isinstance(snapshot, PersistedSnapshot):
        raise TypeError(f"expected a PersistedSnapshot, not {snapshot!r}")


def _check_tombstone(event: PersistedEvent, count: int) -> None:
    where = f"event {event.sequence_number} of {event.key!r} is a tombstone"
    if count > 1:
        raise InvalidEventError(f"{where}, which can't be part of a batch; delete_events makes tombstones")
    if event.data is not None or event.tags or event.metadata:
        raise InvalidEventError(f"{where}, and has data, tags or metadata; those are what a deletion removes")


def _check_text(argument: str, value: object) -> None:
    if type(value) is not str:
        raise TypeError(f"{argument} must be a string of valid Unicode, not {value!r}")
    if not is_unicode(value):
        raise ValueError(f"{argument} must be a string of valid Unicode, not {value!r}")


def _check_count(argument: str, value: object) -> None:
    if type(value) is not int:
        raise TypeError(f"{argument} must be an int from 0, not {value!r}")
    if value < 0:
        raise ValueError(f"{argument} must be an int from 0, not {value!r}")
