"""Pydantic models, by what they can do: pydantic needn't be installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from nact.persistence.codecs._proofs import LEAVES, Proof, each, either, mapping, never, record, row
from nact.persistence.records import JsonValue

# Settings that don't change how a plain field is written or read.
_HARMLESS = frozenset(
    {
        *("title", "frozen", "strict", "extra", "arbitrary_types_allowed", "protected_namespaces", "json_schema_extra"),
        *("populate_by_name", "validate_by_name", "validate_by_alias", "alias_generator", "from_attributes"),
        *("validate_assignment", "validate_default", "revalidate_instances", "use_attribute_docstrings"),
    }
)
_METHODS = ("__init__", "__new__", "__setattr__", "model_dump", "model_validate_json", "model_post_init")
_METHODS = (*_METHODS, "__get_pydantic_core_schema__")
_DECORATORS = (
    *("validators", "field_validators", "root_validators", "model_validators"),
    *("field_serializers", "model_serializers", "computed_fields"),
)


def is_model(kind: object) -> bool:
    """Whether it is a class that dumps and validates itself as a pydantic model does."""
    return isinstance(kind, type) and hasattr(kind, "model_validate_json") and hasattr(kind, "model_dump")


def is_pydantic(kind: type) -> bool:
    """Whether it is a model of pydantic's own, whose fields can be looked at."""
    return is_model(kind) and hasattr(kind, "__pydantic_serializer__") and hasattr(kind, "model_fields")


def write(value: Any) -> JsonValue:
    """The JSON data of a model.

    Raises:
        TypeError: It is none.
    """
    kind = type(value)
    if not is_model(kind):
        raise TypeError(f"msgspec can't write a {kind.__name__}")
    if is_pydantic(kind):  # what pydantic would warn of is found when the data is read back
        return value.model_dump(mode="json", by_alias=True, round_trip=True, warnings=False)
    return value.model_dump(mode="json", by_alias=True, round_trip=True)


def read(kind: Any, content: JsonValue) -> Any:
    """The model again. As JSON text, for strict models take dates as text there."""
    return kind.model_validate_json(msgspec.json.encode(content))


# --- what is wrong with a model --------------------------------------------------------------------------------------


def faults(kind: Any, seen: set[Any]) -> Iterator[str]:
    """The fields that can't come back, each with its reason. Builds what is read with.

    A model that serializes or validates itself as a whole may do as it likes: only its values show what it does.
    """
    if kind in seen or not is_pydantic(kind):
        return
    seen.add(kind)
    if not getattr(kind, "__pydantic_complete__", True):
        kind.model_rebuild()
    decorators = kind.__pydantic_decorators__
    if decorators.model_serializers or decorators.model_validators:
        return
    serialized = {name for decorator in decorators.field_serializers.values() for name in decorator.info.fields}
    for name, field in kind.model_fields.items():
        if name not in serialized and "*" not in serialized:
            reason = _fault(name, field, kind.model_config)
            if reason is not None:
                yield f"{kind.__name__}.{name}: {reason}"
        for part in classes(field.annotation):
            yield from faults(part, seen)


def _fault(name: str, field: Any, config: Mapping[str, Any]) -> str | None:
    if field.exclude:
        return "a field that is excluded isn't written, and wouldn't come back"
    written = field.serialization_alias or field.alias or name
    if written not in _names_read(name, field, config):
        return f"it is written as {written!r}, which isn't a name that it is read by"
    if _is_secret(field.annotation) and not any(hasattr(item, "when_used") for item in field.metadata):
        return "a secret is written as asterisks; give the field a serializer, or store a str"
    return None


def _names_read(name: str, field: Any, config: Mapping[str, Any]) -> set[str]:
    """The names under which a field's value is looked for."""
    alias = field.validation_alias if field.validation_alias is not None else field.alias
    names = set()
    if alias is not None and config.get("validate_by_alias") is not False:
        for choice in getattr(alias, "choices", [alias]):
            path = getattr(choice, "path", [choice])
            names |= {path[0]} if len(path) == 1 else set()
    if alias is None or config.get("populate_by_name") or config.get("validate_by_name"):
        names.add(name)
    return names


def classes(hint: Any) -> Iterator[Any]:
    """The classes that an annotation names, at any depth."""
    for part in get_args(hint):
        yield from classes(part)
    if isinstance(hint, type):
        yield hint


def _is_secret(hint: Any) -> bool:
    # Without a serializer in an Annotated further inside.
    if get_origin(hint) is Annotated and any(hasattr(item, "when_used") for item in get_args(hint)[1:]):
        return False
    if isinstance(hint, type) and hasattr(hint, "get_secret_value"):
        return True
    return any(_is_secret(part) for part in get_args(hint))


# --- what is certainly right with one --------------------------------------------------------------------------------


class ModelProofs:
    """The proofs of models all of whose fields are plain: nothing validates, serializes or computes but pydantic."""

    def __init__(self) -> None:
        self._made: dict[Any, Proof] = {}

    def of(self, kind: Any) -> Proof:
        """The proof of one model's values. Models may contain themselves."""
        made = self._made
        if kind not in made:
            made[kind] = lambda value: made[kind](value)
            made[kind] = self._of_model(kind) if is_pydantic(kind) and _is_plain(kind) else never
        return made[kind]

    def _of_model(self, kind: Any) -> Proof:
        fields = [(name, self._of(field.annotation)) for name, field in kind.model_fields.items()]
        holds = record(kind, fields, has_dict=True)
        return lambda value: (
            holds(value) and not value.__pydantic_extra__ and not getattr(value, "__pydantic_private__", None)
        )

    def _of(self, hint: Any) -> Proof:
        if isinstance(hint, type) and is_model(hint):
            return self.of(hint)
        try:
            if hint in LEAVES:
                return LEAVES[hint]
        except TypeError:  # what can't be hashed is no type that is known here
            return never
        return self._of_parts(get_origin(hint), get_args(hint))

    def _of_parts(self, origin: Any, parts: Sequence[Any]) -> Proof:
        if origin in (Union, UnionType) and len(parts) == 2 and type(None) in parts:
            return either([self._of(part) for part in parts])
        if origin is dict and parts[0] in (str, int):
            return mapping(self._of(parts[0]), self._of(parts[1]))
        if origin is list:
            return each(list, self._of(parts[0]))
        if origin is tuple and len(parts) == 2 and parts[1] is ...:
            return each(tuple, self._of(parts[0]))
        if origin is tuple and ... not in parts:
            return row([self._of(part) for part in parts])
        return never


def _is_plain(kind: Any) -> bool:
    decorators, fields = kind.__pydantic_decorators__, kind.model_fields
    if kind.__private_attributes__ or kind.__pydantic_generic_metadata__["parameters"]:
        return False
    if not set(kind.model_config) <= _HARMLESS or any(getattr(decorators, name) for name in _DECORATORS):
        return False
    if getattr(kind, "__pydantic_root_model__", False) or _overrides(kind):
        return False
    written = {field.serialization_alias or field.alias or name for name, field in fields.items()}
    return len(written) == len(fields) and not any(_is_special(field) for field in fields.values())


def _is_special(field: Any) -> bool:
    return bool(field.metadata or field.exclude or field.discriminator or getattr(field, "exclude_if", None))


def _overrides(kind: Any) -> bool:
    """Whether a class before pydantic's own defines how it is made, written or read."""
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] == "pydantic":
            return False
        if any(name in vars(base) for name in _METHODS):
            return True
    return True
