"""Reads rows that this engine didn't write, and says how those that can't be read are repaired.

nact for JavaScript, and people with `psql`, write what JSON allows and this engine would refuse.
"""

from __future__ import annotations

import re

from nact.persistence.building import json_data
from nact.persistence.records import JsonValue

_MAYBE_LARGE = re.compile(r"\d{19}")

_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(?P<half>u[dD][89a-fA-F][\da-fA-F]{2})|.)", re.DOTALL
)

_NESTED = (
    "its data is nested too deep. Store it flatter in the same row, or leave the event out: set is_deleted to true and "
    "data to 'null'"
)


def decode_others(text: str) -> JsonValue:
    """The value of a row that this engine didn't write, within what it can store itself.

    JavaScript has floats only, and writes those below 1e21 in digits. Where that is more than 64 bits hold it is given
    back as the float that it was: as an int it would make a state of which no snapshot could be taken.

    Raises:
        ValueError: It can't be read.
    """
    value = json_data.decode(text)
    if _MAYBE_LARGE.search(text) is None:
        return value
    try:
        return _with_large_as_floats(value)
    except OverflowError as error:
        raise ValueError("it holds a number beyond 1.8e308, the largest float") from error
    except RecursionError as error:
        raise ValueError(_NESTED) from error


def advice(text: object, error: Exception) -> str:
    """The reason why a row can't be decoded, and how to repair it."""
    if isinstance(error.__cause__, RecursionError):
        return _NESTED
    half = next((found["half"] for found in _ESCAPE.finditer(str(text)) if found["half"]), None)
    if half is not None:
        return (
            f"its data holds \\{half}, one half of a surrogate pair, which isn't Unicode. "
            f"In the row, replace it by \\ufffd, the sign for what is unreadable"
        )
    return f"the row can't be decoded: {error}"


def _with_large_as_floats(value: JsonValue) -> JsonValue:
    kind = type(value)
    if kind is int:
        return value if json_data.MIN_INT <= value <= json_data.MAX_INT else float(value)
    if kind is list:
        return [_with_large_as_floats(item) for item in value]
    if kind is dict:
        return {name: _with_large_as_floats(item) for name, item in value.items()}
    return value
