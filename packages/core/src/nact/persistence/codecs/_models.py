"""Writes, reads and checks pydantic models. It recognises them by their methods, since pydantic is optional."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin

import msgspec

from nact.persistence.records import JsonValue


def is_model(kind: object) -> bool:
    """Tells whether it is a class with the methods of a pydantic model to dump and to validate."""
    return isinstance(kind, type) and hasattr(kind, "model_validate_json") and hasattr(kind, "model_dump")


def is_pydantic(kind: type) -> bool:
    """Tells whether it is a real pydantic model, whose fields can be inspected."""
    return is_model(kind) and hasattr(kind, "__pydantic_serializer__") and hasattr(kind, "model_fields")


def write(value: Any) -> JsonValue:
    """The JSON data of a model.

    Raises:
        TypeError: It isn't a model.
    """
    kind: Any = type(value)
    options = _options(kind)
    return value.model_dump(**options)


@lru_cache(maxsize=1024)
def _options(kind: type) -> dict[str, Any]:
    if not is_model(kind):
        raise TypeError(f"msgspec can't write a {kind.__name__}")
    options = {"mode": "json", "by_alias": True, "round_trip": True}
    # Without warnings: reading the data back finds the same faults.
    return {**options, "warnings": False} if is_pydantic(kind) else options


def read(kind: Any, content: JsonValue) -> Any:
    """The model again. It is read from JSON text, since strict models accept dates as text only there."""
    return kind.model_validate_json(msgspec.json.encode(content))


# --- what is wrong with a model --------------------------------------------------------------------------------------


def faults(kind: Any, seen: set[Any]) -> Iterator[str]:
    """Yields the fields that can't be restored, each with the reason. Completes models that aren't built yet.

    A model that serializes or validates itself as a whole isn't examined: only its values show whether it works.
    """
    if kind in seen or not is_pydantic(kind):
        return
    seen.add(kind)
    if not getattr(kind, "__pydantic_complete__", True):
        kind.model_rebuild()
    decorators = kind.__pydantic_decorators__
    if decorators.model_serializers or decorators.model_validators:
        return
    serialized = {name for made in decorators.field_serializers.values() for name in made.info.fields}
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
    written = name_written(name, field)
    if written not in _names_read(name, field, config):
        return f"it is written as {written!r}, which isn't a name that it is read by"
    if not field.metadata and any(issubclass(part, msgspec.Struct) for part in classes(field.annotation)):
        return "pydantic can't read a msgspec Struct; a dataclass or a model in its place can be read"
    if _is_secret(field.annotation) and not any(hasattr(item, "when_used") for item in field.metadata):
        return "a secret is written as asterisks; give the field a serializer, or store a str"
    return None


def name_written(name: str, field: Any) -> str:
    """The name under which a field's value is written."""
    written: str = field.serialization_alias or field.alias or name
    return written


def _names_read(name: str, field: Any, config: Mapping[str, Any]) -> set[str]:
    """The names under which a field's value is read."""
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
    # An Annotated inside may bring a serializer.
    if get_origin(hint) is Annotated and any(hasattr(item, "when_used") for item in get_args(hint)[1:]):
        return False
    if isinstance(hint, type) and hasattr(hint, "get_secret_value"):
        return True
    return any(_is_secret(part) for part in get_args(hint))
