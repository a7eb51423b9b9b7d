"""Proofs of dataclasses and msgspec Structs (see `_proofs`), by msgspec's view of their types."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from datetime import date, timedelta
from types import GenericAlias, MemberDescriptorType
from typing import Any, get_origin
from uuid import UUID

import msgspec
from msgspec import inspect as shape

from nact.persistence.codecs._comparison import slots_of
from nact.persistence.codecs._proofs import (
    LEAVES,
    Proof,
    each,
    either,
    fixed_tuple,
    is_datetime,
    is_decimal,
    is_float,
    is_int,
    is_json,
    is_time,
    limited,
    mapping,
    member,
    never,
    of_type,
    one_of,
    record,
    recursive,
)

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
_CONSTRAINTS = ("gt", "ge", "lt", "le", "min_length", "max_length", "multiple_of", "pattern", "tz")


class RecordProofs:
    """Makes the proofs of types, which `msgspec.inspect` describes.

    Args:
        of_custom: Makes the proof of a class that msgspec doesn't know.
    """

    def __init__(self, of_custom: Callable[[Any], Proof]) -> None:
        self._of_custom = of_custom
        self._made: dict[int, Proof] = {}

    def of(self, node: Any) -> Proof:
        """The proof of values of this type."""
        made = self._made
        if id(node) not in made:
            made[id(node)] = recursive(made, id(node))
            made[id(node)] = self._of(node)
        return made[id(node)]

    def _of(self, node: Any) -> Proof:
        # A dataclass accepts values beyond the bounds of Meta, but reading refuses them.
        return limited(self._without_limits(node), {name: getattr(node, name, None) for name in _CONSTRAINTS})

    def _without_limits(self, node: Any) -> Proof:
        if type(node) in _SHAPES:
            return _SHAPES[type(node)]
        match node:
            case shape.Metadata(type=inner):
                return self.of(inner)
            case shape.UnionType(types=types):
                return self._of_union(types)
            case shape.EnumType(cls=kind):
                return member(kind)
            case shape.LiteralType(values=values):
                return one_of(values)
            case shape.DictType(key_type=key, value_type=item):
                return mapping(self._of_key(key), self.of(item))
            case shape.TupleType(item_types=items):
                return fixed_tuple([self.of(item) for item in items])
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

    def _of_collection(self, node: Any) -> Proof:
        for kind, like in _COLLECTIONS:
            if isinstance(node, like):
                return each(kind, self.of(node.item_type))
        return never

    def _of_union(self, types: Sequence[shape.Type]) -> Proof:
        # msgspec allows one type for each kind of JSON value, but writes a Decimal as text and reads it from numbers,
        # too.
        others = [node for node in types if not isinstance(node, shape.NoneType)]
        if len(others) > 1 and any(isinstance(node, shape.DecimalType) for node in others):
            return never
        return either([self.of(node) for node in types])

    def _of_key(self, node: Any) -> Proof:
        # Keys are text in JSON. The types of a union may have the same text for different values.
        if isinstance(node, (shape.StrType, shape.IntType, shape.DateType, shape.UUIDType, shape.EnumType)):
            return self.of(node)
        return LEAVES[str] if isinstance(node, shape.AnyType) else never

    def _of_record(self, kind: type, fields: Sequence[shape.Field]) -> Proof:
        if len({field.encode_name for field in fields}) < len(fields):
            return never
        return record(kind, [(field.name, self.of(field.type)) for field in fields], has_dict=bool(kind.__dictoffset__))


_COLLECTIONS: tuple[tuple[type[Collection[Any]], Any], ...] = (
    (list, shape.ListType),
    (tuple, shape.VarTupleType),
    (set, shape.SetType),
    (frozenset, shape.FrozenSetType),
)


def _is_plain_struct(kind: type[msgspec.Struct]) -> bool:
    config = kind.__struct_config__
    return not (hasattr(kind, "__post_init__") or config.omit_defaults or kind.__dictoffset__)


def _is_plain_dataclass(kind: type) -> bool:
    """Tells whether msgspec makes one by setting its fields, and it has no other attributes."""
    if not dataclasses.is_dataclass(kind) or kind.__new__ is not object.__new__:
        return False
    if hasattr(kind, "__post_init__") or hasattr(kind, "__pydantic_validator__"):
        return False
    names = [field.name for field in dataclasses.fields(kind)]
    slots = slots_of(kind)
    is_whole = sorted(slots) == sorted(names) and not kind.__dictoffset__ if slots else bool(kind.__dictoffset__)
    is_set_plainly = kind.__setattr__ is object.__setattr__ or kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    return is_whole and is_set_plainly and not any(_is_computed(kind, name) for name in names)


def _is_computed(kind: type, name: str) -> bool:
    """Tells whether the field is a property or another descriptor, which may do anything."""
    found = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
    return hasattr(found, "__set__") and not isinstance(found, (MemberDescriptorType, GenericAlias))
