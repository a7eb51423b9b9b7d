"""Proofs: fast checks that a value will be read back unchanged, so that it needn't be read back to find out.

A dataclass checks nothing when it is made, so an `int` field may hold None, `True` or an instance of a subclass. A
*proof* is a cheap function. It returns True only if everything in a value is of exactly the annotated type, and msgspec
restores that type exactly. If it returns False, the value is read back and compared. So a proof may return False for
any value, but True only if it is certain.
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
from nact.persistence.codecs._comparison import is_fixed

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
    """Proves integers of 64 bits signed, which all databases can store."""
    return type(value) is int and json_data.MIN_INT <= value <= json_data.MAX_INT


def is_float(value: object) -> bool:
    """Proves finite numbers, which JSON can express."""
    return type(value) is float and isfinite(value)


def is_decimal(value: object) -> bool:
    """Proves finite decimals."""
    return type(value) is Decimal and value.is_finite()


def is_datetime(value: object) -> bool:
    """Proves times without a zone, or with a fixed offset in whole minutes: msgspec writes only those exactly."""
    return type(value) is datetime and value.fold == 0 and (value.tzinfo in _PLAIN_ZONES or _in_minutes(value.tzinfo))


def is_time(value: object) -> bool:
    """Proves times of day, under the same conditions."""
    return type(value) is time and value.fold == 0 and (value.tzinfo is None or _in_minutes(value.tzinfo))


def one_of(values: Sequence[Any]) -> Proof:
    """Proves these values, but no value of another type that is equal to one, as True is to 1."""
    pairs = frozenset((type(value), value) for value in values)
    kinds = frozenset(map(type, values))
    return lambda value: type(value) in kinds and (type(value), value) in pairs


def member(kind: type[Enum]) -> Proof:
    """Proves the members of an enum if each is read back as itself. That is tried here, since they are few."""
    if issubclass(kind, Flag):
        return never
    try:
        for one in kind:
            text = msgspec.json.encode(one)
            if not is_json(msgspec.json.decode(text)) or msgspec.json.decode(text, type=kind) is not one:
                return never
    except (TypeError, ValueError):  # pydantic supports members that msgspec doesn't
        return never
    members = kind._member_map_
    return lambda value: type(value) is kind and members.get(value._name_) is value


def is_json(value: Any) -> bool:
    """Proves JSON values."""
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
    """Proves the values that one of the proofs proves."""
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
    """Proves the values that the proof proves, within limits, which have the names of msgspec and annotated_types."""
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
        except TypeError:  # the None of `int | None` has no order
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
    """Proves a list, tuple or set if the proof proves all its items."""

    def are(value: Any) -> bool:
        if type(value) is not kind:
            return False
        for part in value:
            if not item(part):
                return False
        return True

    return are


def fixed_tuple(items: Sequence[Proof]) -> Proof:
    """Proves a tuple of a fixed length, each item by a proof of its own."""

    def are(value: Any) -> bool:
        return (
            type(value) is tuple
            and len(value) == len(items)
            and all(is_proven(part) for is_proven, part in zip(items, value, strict=True))
        )

    return are


def mapping(key: Proof, item: Proof) -> Proof:
    """Proves a dict by the proofs of its keys and values."""

    def are(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, part in value.items():
            if not (key(name) and item(part)):
                return False
        return True

    return are


def record(kind: type, fields: Sequence[tuple[str, Proof]], *, has_dict: bool) -> Proof:
    """Proves an object that has these fields and no other attributes."""
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


def recursive(made: Mapping[Any, Proof], key: object) -> Proof:
    """Looks the proof up when it is used: types that contain themselves need it before it is made."""

    def proves(value: object) -> bool:
        return made[key](value)

    return proves
