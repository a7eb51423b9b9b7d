"""Values that need no second look: what a type's annotations say is compared with what the value holds.

A dataclass checks nothing when it is made, so that an `int` field may hold None, `True` or a subclass. A *proof* is a
cheap function that returns True only where everything in a value is of exactly the type that is annotated, and that
type is one that msgspec restores as it was. Where it returns False nothing is proven: then the value is read back
and compared. So a proof may be as ignorant as it likes, but never wrong.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum, Flag
from math import isfinite
from types import NoneType
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from nact.errors import InvalidEventError
from nact.persistence.building import json_data
from nact.persistence.codecs._sameness import is_fixed

Proof: TypeAlias = Callable[[Any], bool]

_ABSENT = object()


def never(_: object) -> bool:
    """Proves nothing."""
    return False


# --- values without parts --------------------------------------------------------------------------------------------


def of_type(kind: type) -> Proof:
    """Proves any value of exactly this type."""
    return lambda value: type(value) is kind


def is_int(value: object) -> bool:
    """Proves what databases hold in 64 bits."""
    return type(value) is int and json_data.MIN_INT <= value <= json_data.MAX_INT


def is_float(value: object) -> bool:
    """Proves what JSON has."""
    return type(value) is float and isfinite(value)


def is_decimal(value: object) -> bool:
    """Proves what is a number."""
    return type(value) is Decimal and value.is_finite()


def is_datetime(value: object) -> bool:
    """Proves a time without a zone, or with a fixed offset in minutes: only those are written."""
    return type(value) is datetime and value.fold == 0 and (value.tzinfo in _PLAIN_ZONES or _in_minutes(value.tzinfo))


def is_time(value: object) -> bool:
    """The same for a time of day."""
    return type(value) is time and value.fold == 0 and (value.tzinfo is None or _in_minutes(value.tzinfo))


def one_of(values: Sequence[Any]) -> Proof:
    """Proves these values, and none that is only equal to one, as True is to 1."""
    pairs = frozenset((type(value), value) for value in values)
    kinds = frozenset(map(type, values))
    return lambda value: type(value) in kinds and (type(value), value) in pairs


def member(kind: type[Enum]) -> Proof:
    """Proves members of an enum each of which comes back. They are few, so that it is tried."""
    if issubclass(kind, Flag):
        return never
    try:
        for one in kind:
            text = msgspec.json.encode(one)
            if not is_json(msgspec.json.decode(text)) or msgspec.json.decode(text, type=kind) is not one:
                return never
    except (TypeError, ValueError):  # pydantic takes members that msgspec doesn't
        return never
    members = kind._member_map_
    return lambda value: type(value) is kind and members.get(value._name_) is value


def is_json(value: Any) -> bool:
    """Proves what is JSON as it is."""
    try:
        json_data.check(value)
    except InvalidEventError:
        return False
    return True


def _in_minutes(zone: tzinfo | None) -> bool:
    return zone is not None and is_fixed(zone) and not zone.utcoffset(None) % _MINUTE  # type: ignore[operator]


_MINUTE = timedelta(minutes=1)
_PLAIN_ZONES = (None, UTC)

LEAVES: dict[Any, Proof] = {
    str: of_type(str),
    int: is_int,
    float: is_float,
    bool: of_type(bool),
    None: of_type(NoneType),
    NoneType: of_type(NoneType),
    bytes: of_type(bytes),
    date: of_type(date),
    datetime: is_datetime,
    Decimal: is_decimal,
    UUID: of_type(UUID),
    Any: is_json,
}

# --- values with parts -----------------------------------------------------------------------------------------------


def either(proofs: Sequence[Proof]) -> Proof:
    """Proves what one of the proofs does."""
    others = [proof for proof in proofs if proof is not LEAVES[None]]
    if len(others) == 1 < len(proofs):
        (other,) = others
        return lambda value: value is None or other(value)

    def is_one(value: object) -> bool:
        for is_proven in proofs:
            if is_proven(value):
                return True
        return False

    return is_one


def limited(proof: Proof, limits: Mapping[str, Any]) -> Proof:
    """Proves what the proof does, within limits that are named as msgspec and annotated_types name them."""
    given = {name: limit for name, limit in limits.items() if limit is not None}
    if not given:
        return proof
    if not given.keys() <= _WITHIN.keys():
        return never
    tests = tuple((_WITHIN[name], limit) for name, limit in given.items())

    def is_within(value: object) -> bool:
        if not proof(value):
            return False
        try:
            return all(holds(value, limit) for holds, limit in tests)
        except TypeError:  # the None of `int | None` isn't compared
            return False

    return is_within


_WITHIN: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
    "min_length": lambda value, limit: len(value) >= limit,
    "max_length": lambda value, limit: len(value) <= limit,
    "strict": lambda _value, _limit: True,  # every proven value is of its type
}


def each(kind: type[Collection[Any]], item: Proof) -> Proof:
    """Proves a list, tuple or set, if all its items are."""

    def are(value: Any) -> bool:
        if type(value) is not kind:
            return False
        for part in value:
            if not item(part):
                return False
        return True

    return are


def row(items: Sequence[Proof]) -> Proof:
    """Proves a tuple of a fixed length, each item by its own proof."""

    def are(value: Any) -> bool:
        return (
            type(value) is tuple
            and len(value) == len(items)
            and all(is_proven(part) for is_proven, part in zip(items, value, strict=True))
        )

    return are


def mapping(key: Proof, item: Proof) -> Proof:
    """Proves a dict."""

    def are(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, part in value.items():
            if not (key(name) and item(part)):
                return False
        return True

    return are


def record(kind: type, fields: Sequence[tuple[str, Proof]], *, has_dict: bool) -> Proof:
    """Proves an object that holds its fields and nothing else."""
    parts, length = tuple(fields), len(fields)

    def are_attributes(value: Any) -> bool:
        if type(value) is not kind:
            return False
        for name, is_proven in parts:
            if not is_proven(getattr(value, name, _ABSENT)):
                return False
        return True

    def are_held(value: Any) -> bool:
        if type(value) is not kind or len(held := value.__dict__) != length:
            return False
        for name, is_proven in parts:
            if not is_proven(held.get(name, _ABSENT)):
                return False
        return True

    return are_held if has_dict else are_attributes


def later(made: Mapping[Any, Proof], key: object) -> Proof:
    """The proof that will stand there, for types that contain themselves."""

    def proves(value: object) -> bool:
        return made[key](value)

    return proves
