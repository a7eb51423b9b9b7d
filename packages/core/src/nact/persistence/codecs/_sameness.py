"""Whether a value that was read back is the one that was written: of the same types, to the last leaf.

`==` isn't enough. It holds for `True` and `1`, for `Decimal("1.0")` and `Decimal("1.00")`, and for two dataclasses that
differ in a field with `compare=False`. A class may define it as it likes.
"""

from __future__ import annotations

import copyreg
import dataclasses
import sys
from collections import deque
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum, Flag
from functools import cached_property
from itertools import zip_longest
from math import copysign
from typing import Any
from uuid import UUID

import msgspec

_ABSENT = object()
_EQUAL = frozenset({str, int, bool, bytes, bytearray, date, timedelta, UUID, type(None), msgspec.UnsetType})


def difference(value: Any, back: Any, path: str) -> str | None:
    """Where and how `back` differs from `value`, as in `data.items[3]: 1 (int) comes back as True (bool)`.

    Times are the same where the clock and a fixed offset from UTC are; their `tzinfo` may be of another class. A zone
    whose offset changes over the year is no fixed offset: reckoning with the time would give something else.
    """
    kind = type(value)
    if type(back) is not kind:
        return f"{path}: {shown(value)} ({kind.__name__}) comes back as {shown(back)} ({type(back).__name__})"
    is_same = _leaf(kind)
    if is_same is not None:
        return None if is_same(value, back) else f"{path}: {shown(value)} comes back as {shown(back)}{_hint(value)}"
    for (name, part), (other_name, other) in zip_longest(_parts(value), _parts(back, value), fillvalue=(None, _ABSENT)):
        if name != other_name or part is _ABSENT or other is _ABSENT:
            return f"{path}: {shown(value)} comes back as {shown(back)}"
        fault = difference(part, other, f"{path}{name}")
        if fault is not None:
            return fault
    return None


def shown(value: object, limit: int = 80) -> str:
    """The value for an error's text, shortened; also that of a class whose `__repr__` raises."""
    try:
        return f"{value!r:.{limit}}"
    except Exception:
        return object.__repr__(value)


def is_fixed(zone: tzinfo | None) -> bool:
    """Whether the zone is a fixed offset from UTC, as `timezone` is and `ZoneInfo("Europe/Berlin")` isn't.

    By `utcoffset(None)`, which has a fixed answer, or none (see the documentation of `datetime.time`).
    """
    return zone is not None and zone.utcoffset(None) is not None


# --- values without parts --------------------------------------------------------------------------------------------


def _leaf(kind: type) -> Callable[[Any, Any], bool] | None:
    """Compares two values of this type, if it has no parts to be compared one by one."""
    if kind in _EQUAL:
        return _is_equal
    for base, is_same in _LEAVES:
        if issubclass(kind, base):
            return is_same
    if issubclass(kind, (dict, list, tuple, set, frozenset, deque, msgspec.Struct)) or dataclasses.is_dataclass(kind):
        return None
    is_known = kind.__module__.partition(".")[0] in {*sys.stdlib_module_names, "pydantic", "pydantic_core"}
    has_state = bool(kind.__dictoffset__ or _slots(kind))
    return None if has_state and not is_known else _is_equal  # a Path caches in its slots, and compares honestly


def _is_equal(value: Any, back: Any) -> bool:
    return value is back or (value == back) is True


def _is_same_float(value: float, back: float) -> bool:
    return value == back and copysign(1, value) == copysign(1, back)


def _is_same_decimal(value: Decimal, back: Decimal) -> bool:
    return not value.is_nan() and value.as_tuple() == back.as_tuple()


def _is_same_member(value: Enum, back: Enum) -> bool:
    return value is back or (isinstance(value, Flag) and value.value == back.value)


def _is_same_time(value: datetime | time, back: datetime | time) -> bool:
    clock, other = value.replace(tzinfo=None), back.replace(tzinfo=None)
    return clock == other and value.fold == back.fold and _is_same_zone(value.tzinfo, back.tzinfo)


def _is_same_zone(zone: tzinfo | None, back: tzinfo | None) -> bool:
    if zone is None or back is None:
        return zone is back
    return zone == back or (is_fixed(zone) and is_fixed(back) and zone.utcoffset(None) == back.utcoffset(None))


def _hint(value: object) -> str:
    if isinstance(value, (datetime, time)) and value.tzinfo is not None and not is_fixed(value.tzinfo):
        return " (the zone isn't written: store the time with a fixed offset, as of .astimezone(UTC))"
    return ""


_LEAVES: tuple[tuple[type, Callable[[Any, Any], bool]], ...] = (
    (Enum, _is_same_member),
    (float, _is_same_float),
    (Decimal, _is_same_decimal),
    (datetime, _is_same_time),
    (time, _is_same_time),
)


# --- values with parts -----------------------------------------------------------------------------------------------


def _parts(value: Any, original: Any = None) -> Iterator[tuple[str, Any]]:
    """What a value consists of, each with its path. A set's elements come in the order of the `original`'s."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield "'s key", key
            yield f"[{shown(key, 40)}]", item
    elif isinstance(value, (list, tuple, deque)):
        for place, item in enumerate(value):
            yield f"[{place}]", item
    elif isinstance(value, (set, frozenset)):
        found = {item: item for item in value}
        for item in value if original is None else original:
            yield "'s element", found.get(item, _ABSENT)
        yield "'s length", len(value)
    for name, item in _attributes(value):
        yield f".{name}", item


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """All that an object holds: fields, private ones, those that no class mentions. A `cached_property` is none."""
    kind = type(value)
    if isinstance(value, msgspec.Struct):
        names = list(kind.__struct_fields__)
    else:
        names = [name for name in _slots(kind) if name != "__pydantic_fields_set__"]  # pydantic's == ignores it, too
    names += [name for name in getattr(value, "__dict__", ()) if not _is_cached(kind, name)]
    for name in dict.fromkeys(["maxlen", "default_factory", *sorted(names)]):
        if hasattr(value, name):
            yield name, getattr(value, name)


def _slots(kind: type) -> list[str]:
    # As pickle finds them, names of private ones mangled.
    slots: list[str] = copyreg._slotnames(kind)  # type: ignore[attr-defined]
    return slots


def _is_cached(kind: type, name: str) -> bool:
    return any(isinstance(vars(base).get(name), cached_property) for base in kind.__mro__)
