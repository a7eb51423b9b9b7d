"""JSON that a `jsonb` column gives back as it was.

`jsonb` holds numbers as decimals: it would give back 1e22 as an int, and has no -0.0. It also can't hold U+0000.
(A `json` column, which new tables have, keeps the text, and nothing of this matters.)
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import copysign

import msgspec

from nact.errors import InvalidEventError
from nact.persistence.building import json_data
from nact.persistence.records import JsonValue

_to_json = msgspec.json.Encoder().encode
_NUL = b"\\u0000"


def encode_for_jsonb(data: JsonValue) -> bytes:
    """`data` as JSON text whose value survives `jsonb`.

    Raises:
        InvalidEventError: It isn't a JSON value, or one that `jsonb` would alter.
    """
    return _that_survives(json_data.encode(data), data)


def encode_metadata_for_jsonb(metadata: Mapping[str, JsonValue]) -> bytes | None:
    """As `encode_for_jsonb`, of metadata; `None` if it is empty.

    Raises:
        InvalidEventError: It isn't a JSON object, or one that `jsonb` would alter.
    """
    text = json_data.encode_metadata(metadata)
    return None if text is None else _that_survives(text, metadata)


def _that_survives(text: bytes, value: JsonValue) -> bytes:
    if _NUL in text and _holds_nul(value):
        raise InvalidEventError("this journal's column is of type jsonb, which can't hold U+0000; alter it to json")
    if b"e" in text or b"-0.0" in text:  # there may be a float in scientific notation, or a negative zero
        return _to_json(_with_plain_floats(value))
    return text


def _with_plain_floats(value: JsonValue) -> JsonValue:
    kind = type(value)
    if kind is float:
        return _plain_float(value)
    if kind is list:
        return [_with_plain_floats(item) for item in value]
    if kind is dict:
        return {name: _with_plain_floats(item) for name, item in value.items()}
    return value


def _plain_float(value: float) -> float | msgspec.Raw:
    if value == 0 and copysign(1, value) < 0:
        raise InvalidEventError("this journal's column is of type jsonb, which has no -0.0; alter it to json")
    digits = format(Decimal(repr(value)), "f")
    # With a fraction it stays a float: jsonb keeps the number of digits after the point.
    return msgspec.Raw((digits if "." in digits else digits + ".0").encode())


def _holds_nul(value: JsonValue) -> bool:
    kind = type(value)
    if kind is str:
        return "\0" in value
    if kind is list:
        return any(_holds_nul(item) for item in value)
    if kind is dict:
        return any("\0" in name or _holds_nul(item) for name, item in value.items())
    return False
