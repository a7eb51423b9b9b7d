"""Compares a value that was read back with the one that was written, types included, in all parts.

`==` isn't enough. It holds for `True` and `1`, for `Decimal("1.0")` and `Decimal("1.00")`, and for two dataclasses that
differ in a field with `compare=False`. Classes may define it as they like.
"""

from __future__ import annotations

import copyreg
import dataclasses
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum, Flag
from functools import cached_property, lru_cache
from math import copysign
from types import NoneType
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import msgspec


class Fault(NamedTuple):
    """A difference, and the path to it."""

    path: str
    text: str


Comparison: TypeAlias = Callable[[Any, Any], Fault | None]

_ABSENT = object()
_LIBRARIES = frozenset({*sys.stdlib_module_names, "pydantic", "pydantic_core"})


def difference(value: Any, back: Any, path: str) -> str | None:
    """The first difference between `value` and `back`, as in `data.items[3]: True (bool) comes back as 1 (int)`.

    Times are the same if their clocks and their fixed offsets from UTC are; their `tzinfo` may be of different classes.
    A zone whose offset changes over the year isn't a fixed offset, since calculations with the time would differ.

    Returns:
        The path and the difference, or `None` if the values are the same.
    """
    fault = _fault(value, back)
    return None if fault is None else f"{path}{fault.path}: {fault.text}"


def shown(value: object, limit: int = 80) -> str:
    """The value's `repr`, shortened, for an error message. If its `__repr__` raises, that of `object`."""
    try:
        return f"{value!r:.{limit}}"
    except Exception:
        return object.__repr__(value)


def is_fixed(zone: tzinfo | None) -> bool:
    """Tells whether the zone is a fixed offset from UTC, as `timezone` is and `ZoneInfo("Europe/Berlin")` isn't.

    A fixed offset has an answer to `utcoffset(None)`, others don't (see the documentation of `datetime.time`).
    """
    try:
        return zone is not None and zone.utcoffset(None) is not None
    except Exception:  # an application's class, which needs a date
        return False


def slots_of(kind: type) -> list[str]:
    """The names of a class's slots, as pickle finds them: private ones in their mangled form."""
    slots: list[str] = copyreg._slotnames(kind)  # type: ignore[attr-defined]
    return slots


def _fault(value: Any, back: Any) -> Fault | None:
    kind: Any = type(value)
    compare = _COMPARISONS.get(kind) or _comparison(kind)
    if type(back) is kind:
        return compare(value, back)
    return Fault("", f"{shown(value)} ({kind.__name__}) comes back as {shown(back)} ({type(back).__name__})")


def _changed(value: Any, back: Any) -> Fault:
    hint = ""
    if isinstance(value, (datetime, time)) and value.tzinfo is not None and not is_fixed(value.tzinfo):
        hint = " (the zone isn't written: store the time with a fixed offset, as of .astimezone(UTC))"
    return Fault("", f"{shown(value)} comes back as {shown(back)}{hint}")


@lru_cache(maxsize=1024)
def _comparison(kind: type) -> Comparison:
    """Compares values of a type that isn't in `_COMPARISONS`."""
    if issubclass(kind, Enum):
        return _leaf(_is_same_member)
    if issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind):
        return _object(kind, None)
    for base, compare in _COMPARISONS.items():
        if base not in (NoneType, object) and issubclass(kind, base):
            return _object(kind, compare)
    is_known = kind.__module__.partition(".")[0] in _LIBRARIES and not hasattr(kind, "__pydantic_fields__")
    has_state = bool(kind.__dictoffset__ or slots_of(kind))
    # `==` suffices for a library's class: a Path, say, caches in its attributes, which aren't part of its value.
    return _leaf(_is_equal) if is_known or not has_state else _object(kind, None)


# --- values without parts --------------------------------------------------------------------------------------------


def _leaf(is_same: Callable[[Any, Any], bool]) -> Comparison:
    return lambda value, back: None if is_same(value, back) else _changed(value, back)


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
    if zone is back:
        return True
    if zone is None or back is None:
        return False
    return zone == back or (is_fixed(zone) and is_fixed(back) and zone.utcoffset(None) == back.utcoffset(None))


# --- values with parts -----------------------------------------------------------------------------------------------


def _items(value: Collection[Any], back: Collection[Any]) -> Fault | None:
    if len(value) != len(back):
        return _changed(value, back)
    for place, (item, other) in enumerate(zip(value, back, strict=True)):
        fault = _fault(item, other)
        if fault is not None:
            return Fault(f"[{place}]{fault.path}", fault.text)
    return None


def _queue(value: deque[Any], back: deque[Any]) -> Fault | None:
    return _items(value, back) if value.maxlen == back.maxlen else _changed(value, back)


def _entries(value: dict[Any, Any], back: dict[Any, Any]) -> Fault | None:
    if len(value) != len(back):
        return _changed(value, back)
    for (key, item), (other_key, other) in zip(value.items(), back.items(), strict=True):
        fault = _fault(key, other_key)
        if fault is not None:
            return Fault(f"'s key{fault.path}", fault.text)
        fault = _fault(item, other)
        if fault is not None:
            return Fault(f"[{shown(key, 40)}]{fault.path}", fault.text)
    return None


def _default_entries(value: defaultdict[Any, Any], back: defaultdict[Any, Any]) -> Fault | None:
    return _entries(value, back) if value.default_factory is back.default_factory else _changed(value, back)


def _elements(value: Collection[Any], back: Collection[Any]) -> Fault | None:
    found = {element: element for element in back}
    if len(value) != len(found):
        return _changed(value, back)
    for element in value:
        fault = _fault(element, found.get(element, _ABSENT))
        if fault is not None:
            return _changed(value, back) if element not in found else Fault(f"'s element{fault.path}", fault.text)
    return None


def _object(kind: type, content: Comparison | None) -> Comparison:
    """Compares all that an object holds: its content and its attributes, declared or not, private ones included."""
    names = kind.__struct_fields__ if issubclass(kind, msgspec.Struct) else tuple(slots_of(kind))
    names = tuple(name for name in names if name != "__pydantic_fields_set__")  # pydantic's == ignores it, too
    cached = [name for base in kind.__mro__ for name, item in vars(base).items() if isinstance(item, cached_property)]

    def held(value: Any) -> dict[str, Any]:
        attributes = dict(value.__dict__) if kind.__dictoffset__ else {}
        for name in names:
            attributes[name] = getattr(value, name, _ABSENT)
        for name in cached:
            attributes.pop(name, None)
        return attributes

    def compare(value: Any, back: Any) -> Fault | None:
        if content is not None and (fault := content(value, back)) is not None:
            return fault
        attributes, others = held(value), held(back)
        if attributes.keys() != others.keys():
            return _changed(value, back)
        for name, item in attributes.items():
            fault = _fault(item, others[name])
            if fault is not None:
                return Fault(f".{name}{fault.path}", fault.text)
        return None

    return compare


_COMPARISONS: dict[type, Comparison] = {
    **dict.fromkeys((str, bool, int, bytes, bytearray, timedelta, UUID, NoneType), _leaf(_is_equal)),
    object: _leaf(_is_equal),  # for _ABSENT
    float: _leaf(_is_same_float),
    Decimal: _leaf(_is_same_decimal),
    datetime: _leaf(_is_same_time),
    time: _leaf(_is_same_time),
    date: _leaf(_is_equal),
    list: _items,
    tuple: _items,
    deque: _queue,
    OrderedDict: _entries,
    defaultdict: _default_entries,
    dict: _entries,
    set: _elements,
    frozenset: _elements,
}
