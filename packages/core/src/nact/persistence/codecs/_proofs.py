"""Values that need no second look: what a type's annotations say is compared with what the value holds.

A dataclass checks nothing when it is made, so that an `int` field may hold None, `True` or a subclass. A *proof* is a
cheap function that returns True only where everything in a value is of exactly the type that is annotated, and that
type is one that msgspec restores as it was. Where it returns False nothing is proven: then the value is read back
and compared. So a proof may be as ignorant as it likes, but never wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum, Flag
from math import isfinite
from types import GenericAlias, MemberDescriptorType, NoneType
from typing import Any, TypeAlias, get_origin
from uuid import UUID

import msgspec
from msgspec import inspect as shape

from nact.errors import InvalidEventError
from nact.persistence import json_data
from nact.persistence.codecs._sameness import _slots, is_fixed

Proof: TypeAlias = Callable[[Any], bool]

_ABSENT = object()


def never(_: object) -> bool:
    """Proves nothing."""
    return False


# --- values without parts --------------------------------------------------------------------------------------------


def of_type(*kinds: type) -> Proof:
    """Proves any value of exactly one of these types."""
    if len(kinds) == 1:
        kind = kinds[0]
        return lambda value: type(value) is kind
    those = frozenset(kinds)
    return lambda value: type(value) in those


def is_int(value: object) -> bool:
    return type(value) is int and json_data.MIN_INT <= value <= json_data.MAX_INT


def is_float(value: object) -> bool:
    return type(value) is float and isfinite(value)


def is_decimal(value: object) -> bool:
    return type(value) is Decimal and value.is_finite()


def is_datetime(value: object) -> bool:
    return type(value) is datetime and value.fold == 0 and (value.tzinfo in _PLAIN_ZONES or _in_minutes(value.tzinfo))


def is_time(value: object) -> bool:
    return type(value) is time and value.fold == 0 and (value.tzinfo is None or _in_minutes(value.tzinfo))


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

_SHAPES: dict[type[shape.Type], Proof] = {
    shape.StrType: LEAVES[str],
    shape.IntType: is_int,
    shape.FloatType: is_float,
    shape.BoolType: LEAVES[bool],
    shape.NoneType: LEAVES[None],
    shape.BytesType: LEAVES[bytes],
    shape.DateType: LEAVES[date],
    shape.DateTimeType: is_datetime,
    shape.TimeType: is_time,
    shape.TimeDeltaType: of_type(timedelta),
    shape.DecimalType: is_decimal,
    shape.UUIDType: LEAVES[UUID],
    shape.AnyType: is_json,
}


# --- values with parts -----------------------------------------------------------------------------------------------


def either(proofs: Sequence[Proof]) -> Proof:
    """Proves what one of the proofs does."""
    if len(proofs) == 2 and LEAVES[None] in proofs:
        (other,) = [proof for proof in proofs if proof is not LEAVES[None]] or [LEAVES[None]]
        return lambda value: value is None or other(value)

    def is_one(value: object) -> bool:
        for is_proven in proofs:
            if is_proven(value):
                return True
        return False

    return is_one


def each(kind: type, item: Proof) -> Proof:
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

    def are(value: Any) -> bool:
        if type(value) is not kind or (has_dict and len(value.__dict__) != length):
            return False
        for name, is_proven in parts:
            if not is_proven(getattr(value, name, _ABSENT)):
                return False
        return True

    return are


# --- from msgspec's view of a type -----------------------------------------------------------------------------------


class Proofs:
    """The proofs of types as msgspec sees them.

    Args:
        of_custom: The proof of a class that msgspec doesn't know.
    """

    def __init__(self, of_custom: Callable[[Any], Proof]) -> None:
        self._of_custom = of_custom
        self._made: dict[int, Proof] = {}

    def of(self, node: shape.Type) -> Proof:
        """The proof of values of this type. Types may contain themselves."""
        made = self._made
        if id(node) not in made:
            made[id(node)] = lambda value: made[id(node)](value)
            made[id(node)] = self._of(node)
        return made[id(node)]

    def _of(self, node: shape.Type) -> Proof:
        if type(node) in _SHAPES:
            is_constrained = node != type(node)()  # a value beyond Meta's bounds can be made, and not be read
            return never if is_constrained else _SHAPES[type(node)]
        match node:
            case shape.Metadata(type=inner):
                return self.of(inner)
            case shape.UnionType(types=types):
                return self._of_union(types)
            case shape.EnumType(cls=kind):
                return _member(kind)
            case shape.DictType(key_type=key, value_type=item, min_length=None, max_length=None):
                return mapping(self._of_key(key), self.of(item))
            case shape.TupleType(item_types=items):
                return row([self.of(item) for item in items])
            case shape.StructType(cls=alias, fields=fields):
                kind = get_origin(alias) or alias
                return self._of_record(kind, fields) if _is_plain_struct(kind) else never
            case shape.DataclassType(cls=alias, fields=fields):
                kind = get_origin(alias) or alias
                return self._of_record(kind, fields) if _is_plain_dataclass(kind) else never
            case shape.CustomType(cls=kind):
                return self._of_custom(kind)
            case _:
                return self._of_collection(node)

    def _of_collection(self, node: shape.Type) -> Proof:
        for kind, like in _COLLECTIONS:
            if isinstance(node, like) and node.min_length is node.max_length is None:
                return each(kind, self.of(node.item_type))
        return never

    def _of_union(self, types: Sequence[shape.Type]) -> Proof:
        # msgspec allows one type for each kind of JSON value, and a Decimal is written as text but read from numbers.
        is_mixed = len(types) > 2 or not any(isinstance(node, shape.NoneType) for node in types)
        if is_mixed and any(isinstance(node, shape.DecimalType) for node in types):
            return never
        return either([self.of(node) for node in types])

    def _of_key(self, node: shape.Type) -> Proof:
        # Keys are text in JSON. Of a union's types several may have the same text.
        if isinstance(node, (shape.StrType, shape.IntType, shape.DateType, shape.UUIDType, shape.EnumType)):
            return self.of(node)
        return LEAVES[str] if isinstance(node, shape.AnyType) else never

    def _of_record(self, kind: type, fields: Sequence[shape.Field]) -> Proof:
        if len({field.encode_name for field in fields}) < len(fields):
            return never
        return record(kind, [(field.name, self.of(field.type)) for field in fields], has_dict=bool(kind.__dictoffset__))


_COLLECTIONS: tuple[tuple[type, Any], ...] = (
    (list, shape.ListType),
    (tuple, shape.VarTupleType),
    (set, shape.SetType),
    (frozenset, shape.FrozenSetType),
)


def _member(kind: type[Enum]) -> Proof:
    """Proves members of an enum each of which comes back. They are few, so that it is tried."""
    if issubclass(kind, Flag):
        return never
    for member in kind:
        text = msgspec.json.encode(member)
        if not is_json(msgspec.json.decode(text)) or msgspec.json.decode(text, type=kind) is not member:
            return never
    members = kind._member_map_
    return lambda value: type(value) is kind and members.get(value._name_) is value


def _is_plain_struct(kind: type[msgspec.Struct]) -> bool:
    config = kind.__struct_config__
    return not (hasattr(kind, "__post_init__") or config.omit_defaults or kind.__dictoffset__)


def _is_plain_dataclass(kind: type) -> bool:
    """Whether msgspec makes one by setting its fields, which are all that it holds."""
    if not dataclasses.is_dataclass(kind) or kind.__new__ is not object.__new__:
        return False
    if hasattr(kind, "__post_init__") or hasattr(kind, "__pydantic_validator__"):
        return False
    names = [field.name for field in dataclasses.fields(kind)]
    slots = _slots(kind)
    is_whole = sorted(slots) == sorted(names) and not kind.__dictoffset__ if slots else bool(kind.__dictoffset__)
    is_set_plainly = kind.__setattr__ is object.__setattr__ or kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    return is_whole and is_set_plainly and not any(_is_computed(kind, name) for name in names)


def _is_computed(kind: type, name: str) -> bool:
    """Whether the field is a property or another descriptor, which may do anything."""
    found = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
    return hasattr(found, "__set__") and not isinstance(found, (MemberDescriptorType, GenericAlias))
