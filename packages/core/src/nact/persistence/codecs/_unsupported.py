"""Finds types that can't be written and read again when a codec is made, and names their fields."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any, get_origin, get_type_hints

import msgspec
from msgspec import inspect as shape

from nact.persistence.codecs import _models

_NOT_KEYS = (
    *(shape.BoolType, shape.NoneType, shape.CustomType, shape.StructType, shape.DataclassType, shape.TypedDictType),
    *(shape.ListType, shape.TupleType, shape.VarTupleType, shape.SetType, shape.FrozenSetType, shape.NamedTupleType),
)


def check_type(kind: Any) -> None:
    """Returns if the fields of a dataclass or a Struct can be written and read.

    Raises:
        TypeError: A field can't. The message names the type and the field.
    """
    try:
        msgspec.json.Decoder(kind, dec_hook=_models.read)
        node = shape.type_info(kind)
    except Exception as error:  # a NameError, say, of a name that is imported only under TYPE_CHECKING
        raise TypeError(_culprit(kind, set()) or f"{kind.__name__}: {error}") from error
    _raise_first(_faults(node, kind.__name__, set(), set()), kind)


def check_model(kind: Any) -> None:
    """Returns if the fields of a pydantic model can be written and read.

    Raises:
        TypeError: A field can't. The message names the model and the field.
    """
    _raise_first(_models.faults(kind, set()), kind)


def _raise_first(faults: Iterator[str], kind: Any) -> None:
    try:
        fault = next(faults, None)
    except Exception as error:
        raise TypeError(_culprit(kind, set()) or f"{kind.__name__}: {error}") from error
    if fault is not None:
        raise TypeError(f"{kind.__name__} can't be stored exactly: {fault}")


# --- types that msgspec takes, but not both ways ---------------------------------------------------------------------


def _faults(node: Any, path: str, seen: set[int], models: set[Any]) -> Iterator[str]:
    if id(node) in seen:
        return
    seen.add(id(node))
    match node:
        case shape.DictType(key_type=key) if isinstance(key, _NOT_KEYS):
            yield f"{path}: a dict's keys can be text, numbers, dates and the like, not {_name(key)}"
        case shape.CustomType(cls=kind) if _models.is_model(kind):
            yield from _models.faults(kind, models)
        case shape.CustomType() | shape.RawType() | shape.ExtType() | shape.MemoryViewType():
            yield f"{path}: msgspec can't write and read {_name(node)}"
        case shape.DataclassType(cls=alias) if (base := _builtin_base(get_origin(alias) or alias)) is not None:
            yield f"{path}: what a {base.__name__} holds beside its fields isn't written"
    for name, part in _parts(node):
        yield from _faults(part, f"{_name(node)}.{name}" if name else path, seen, models)


def _parts(node: Any) -> Iterator[tuple[str, Any]]:
    """Yields the types that a type is made of, with the names of fields."""
    for field in getattr(node, "fields", ()):
        yield field.name, field.type
    for attribute in ("type", "item_type", "key_type", "value_type"):
        if isinstance(part := getattr(node, attribute, None), shape.Type):
            yield "", part
    for attribute in ("types", "item_types"):
        for part in getattr(node, attribute, ()):
            yield "", part


def _name(node: Any) -> str:
    kind = getattr(node, "cls", None)
    return getattr(kind, "__name__", None) or str(kind or type(node).__name__.removesuffix("Type").lower())


def _builtin_base(kind: type) -> type | None:
    return next((base for base in kind.__mro__ if base.__module__ == "builtins" and base is not object), None)


# --- types that msgspec or pydantic refuses --------------------------------------------------------------------------


def _culprit(kind: Any, seen: set[Any]) -> str | None:
    """The first field that is refused by itself, too, with the reason; `None` if there is none."""
    seen.add(kind)
    for base in getattr(kind, "__mro__", ()):
        for name, hint in _annotations(base).items():
            try:
                found = _resolved(hint, base)
                inner = _culprit_within(found, seen)
                if inner is not None:
                    return inner
                if not _models.is_model(base):
                    msgspec.json.Decoder(found, dec_hook=_models.read)
            except Exception as error:
                return f"{base.__name__}.{name}: {error}"
    return None


def _annotations(kind: Any) -> dict[str, Any]:
    try:
        return inspect.get_annotations(kind)
    except NameError:  # Python 3.14 evaluates annotations here
        return {}


def _culprit_within(hint: Any, seen: set[Any]) -> str | None:
    for part in _models.classes(hint):
        inner = _culprit(part, seen) if part not in seen else None
        if inner is not None:
            return inner
    return None


def _resolved(hint: Any, owner: type) -> Any:
    holder = type(owner.__name__, (), {"__annotations__": {"it": hint}, "__module__": owner.__module__})
    return get_type_hints(holder, vars(sys.modules[owner.__module__]), {owner.__name__: owner}, include_extras=True)[
        "it"
    ]
