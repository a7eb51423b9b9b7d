"""Exact or refused: checks that data can be stored exactly, before anything is stored.

JSON encoders alter values that JSON can't express: NaN becomes null, tuples become lists, int keys become strings. So
data is checked here first. A value that wouldn't be read back equal, and of the same type, is refused with its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import msgspec

from nact.errors import InvalidEventError
from nact.persistence.records import JsonValue, is_unicode

MAX_DEPTH = 128
"""The deepest nesting of lists and dicts."""

MIN_INT, MAX_INT = -(2**63), 2**63 - 1

_ADVICE = "A codec makes JSON of your types: give the actor one, as in codec=TypedCodec(...)"

_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder().decode


def check(data: JsonValue) -> None:
    """Returns if `data` is a JSON value that every store can hold exactly.

    Raises:
        InvalidEventError: It isn't. The message names the path, as in `contacts[3].birthday: datetime`.
    """
    if not _is_exact(data, MAX_DEPTH):
        raise InvalidEventError(f"not a JSON value: {_fault(data, '', MAX_DEPTH)}. {_ADVICE}")


def encode(data: JsonValue) -> bytes:
    """`data` as JSON text in UTF-8, from which `decode` gives back an equal value of the same types.

    Raises:
        InvalidEventError: `data` isn't a JSON value; see `check`.
    """
    check(data)
    return _to_json(data)


def decode(text: str | bytes) -> JsonValue:
    """The value that `encode` was given.

    Raises:
        ValueError: The text isn't JSON.
    """
    try:
        return _from_json(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def encode_metadata(metadata: Mapping[str, JsonValue]) -> bytes | None:
    """Metadata as JSON text in UTF-8, or `None` if it is empty, as most is: then it takes no space in the storage.

    Raises:
        InvalidEventError: It holds something that isn't a JSON value.
    """
    if not metadata:
        return None
    if not _is_exact(metadata, MAX_DEPTH):
        raise InvalidEventError(f"not a JSON value: {_fault(metadata, 'metadata', MAX_DEPTH)}")
    return _to_json(metadata)


def decode_metadata(text: str | bytes | None) -> dict[str, JsonValue]:
    """The metadata that `encode_metadata` was given.

    Raises:
        ValueError: The text isn't a JSON object.
    """
    if text is None:
        return {}
    metadata = decode(text)
    if type(metadata) is not dict:
        raise ValueError(f"metadata must be a JSON object, not {metadata!r:.200}")
    return metadata


def _is_exact(value: JsonValue, depth: int) -> bool:
    # One function, since it runs for each value that is written, at all depths.
    # By `type`, not isinstance: an IntEnum, a str subclass or a NamedTuple would be read back as another type.
    kind = type(value)
    if kind is str:
        return is_unicode(value)
    if kind is int:
        fits: bool = MIN_INT <= value <= MAX_INT
        return fits
    if value is None or kind is bool:
        return True
    if kind is float:
        return isfinite(value)
    if depth == 0:
        return False
    if kind is dict:
        for name, item in value.items():
            is_name = type(name) is str and (name.isascii() or is_unicode(name))
            is_plain = type(item) is str and item.isascii()  # the usual case, without a call
            if not is_name or not (is_plain or _is_exact(item, depth - 1)):
                return False
        return True
    if kind is list:
        for item in value:
            if not _is_exact(item, depth - 1):
                return False
        return True
    return False


def _fault(value: JsonValue, path: str, depth: int) -> str:
    """The text of an error about a value that `_is_exact` refuses: the path and the reason."""
    here = path or "the value"
    kind = type(value)
    if kind is str:
        return f"{here}: a str with a lone surrogate, {value!r:.80}"
    if kind is int:
        return f"{here}: an int beyond 64 bits signed, {value!r:.80}"
    if kind is float:
        return f"{here}: {value!r} (JSON has no such number)"
    if kind is not dict and kind is not list:
        return f"{here}: {kind.__name__}"
    if depth == 0:
        return f"{path[:40]}...: nested deeper than {MAX_DEPTH} (or contains itself)"
    if kind is list:
        place, item = next((n, item) for n, item in enumerate(value) if not _is_exact(item, depth - 1))
        return _fault(item, f"{path}[{place}]", depth - 1)
    for name, item in value.items():
        if type(name) is not str:
            return f"{here}: a dict with the key {name!r} ({type(name).__name__}; only str keys are JSON)"
        if not is_unicode(name):
            return f"{here}: a dict whose key {name!r} has a lone surrogate"
        if not _is_exact(item, depth - 1):
            return _fault(item, f"{path}.{name}" if path else name, depth - 1)
    raise AssertionError("unreachable: the value is exact")
