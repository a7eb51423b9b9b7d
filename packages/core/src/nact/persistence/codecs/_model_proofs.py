"""Proofs of pydantic models (see `_proofs`), by the fields that they declare."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from nact.persistence.codecs._models import is_model, is_pydantic, name_written
from nact.persistence.codecs._proofs import (
    LEAVES,
    Proof,
    each,
    either,
    fixed_tuple,
    limited,
    mapping,
    member,
    never,
    one_of,
    record,
    recursive,
)

# Settings that don't change how a plain field is written or read.
_HARMLESS = frozenset(
    {
        *("title", "frozen", "strict", "extra", "arbitrary_types_allowed", "protected_namespaces", "json_schema_extra"),
        *("populate_by_name", "validate_by_name", "validate_by_alias", "alias_generator", "from_attributes"),
        *("validate_assignment", "validate_default", "revalidate_instances", "use_attribute_docstrings"),
    }
)
_LIMITS = {
    **{("annotated_types", name): name.lower() for name in ("Gt", "Ge", "Lt", "Le")},
    ("annotated_types", "MinLen"): "min_length",
    ("annotated_types", "MaxLen"): "max_length",
    ("pydantic.types", "Strict"): "strict",
}
_METHODS = (
    *("__init__", "__new__", "__setattr__", "__get_pydantic_core_schema__"),
    *("model_dump", "model_validate_json", "model_post_init"),
)
_DECORATORS = (
    *("validators", "field_validators", "root_validators", "model_validators"),
    *("field_serializers", "model_serializers", "computed_fields"),
)


class ModelProofs:
    """Makes the proofs of models with plain fields only, without validators, serializers and computed fields."""

    def __init__(self) -> None:
        self._made: dict[Any, Proof] = {}

    def of(self, kind: Any) -> Proof:
        """The proof of one model's values."""
        made = self._made
        if kind not in made:
            made[kind] = recursive(made, kind)
            made[kind] = self._of_model(kind) if is_pydantic(kind) and _is_plain(kind) else never
        return made[kind]

    def _of_model(self, kind: Any) -> Proof:
        fields = [(name, self._of_field(field)) for name, field in kind.model_fields.items()]
        holds = record(kind, fields, has_dict=True)
        return lambda value: (
            holds(value) and not value.__pydantic_extra__ and not getattr(value, "__pydantic_private__", None)
        )

    def _of_field(self, field: Any) -> Proof:
        limits: dict[str, Any] = {}
        for item in field.metadata:
            name = _LIMITS.get((type(item).__module__, type(item).__name__))
            if name is None:
                return never
            limits[name] = getattr(item, name)
        return limited(self._of(field.annotation), limits)

    def _of(self, hint: Any) -> Proof:
        if isinstance(hint, type) and is_model(hint):
            return self.of(hint)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return never if hasattr(hint, "__get_pydantic_core_schema__") else member(hint)
        try:
            if hint in LEAVES:
                return LEAVES[hint]
        except TypeError:  # not hashable, so not a known type
            return never
        return self._of_parts(get_origin(hint), get_args(hint))

    def _of_parts(self, origin: Any, parts: Sequence[Any]) -> Proof:
        if origin in (Union, UnionType):
            others = [part for part in parts if part is not type(None)]
            return either([self._of(part) for part in parts]) if len(others) == 1 else never
        if origin is Literal:
            return one_of(parts) if {*map(type, parts)} <= {str, type(None)} else never
        if origin is dict and parts[0] in (str, int):
            return mapping(self._of(parts[0]), self._of(parts[1]))
        if origin in (list, set, frozenset):
            return each(origin, self._of(parts[0]))
        if origin is tuple and parts[-1:] == (...,):
            return each(tuple, self._of(parts[0]))
        return fixed_tuple([self._of(part) for part in parts]) if origin is tuple else never


def _is_plain(kind: Any) -> bool:
    decorators, fields = kind.__pydantic_decorators__, kind.model_fields
    if kind.__private_attributes__ or kind.__pydantic_generic_metadata__["parameters"]:
        return False
    if not set(kind.model_config) <= _HARMLESS or any(getattr(decorators, name) for name in _DECORATORS):
        return False
    if getattr(kind, "__pydantic_root_model__", False) or _overrides(kind):
        return False
    written = {name_written(name, field) for name, field in fields.items()}
    return len(written) == len(fields) and not any(_is_special(name, field) for name, field in fields.items())


def _is_special(name: str, field: Any) -> bool:
    if field.exclude or field.discriminator or getattr(field, "exclude_if", None):
        return True
    return bool((field.validation_alias or field.alias or name) != name_written(name, field))


def _overrides(kind: Any) -> bool:
    """Tells whether a class below pydantic's own overrides how models are made, written or read."""
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] == "pydantic":
            return False
        if any(name in vars(base) for name in _METHODS):
            return True
    return True
