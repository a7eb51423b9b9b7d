"""`TypedCodec`: stores dataclasses, msgspec Structs and pydantic models, and reads those of older versions.

The stored data is readable, and names its type and version: `{"type": "ContactCreated", "version": 2, "data": {...}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import UnionType
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, Union, get_args, get_origin

from nact.errors import InvalidEventError
from nact.persistence.codecs._comparison import shown
from nact.persistence.codecs._formats import Format, format_of, write_exactly
from nact.persistence.records import JsonValue

T = TypeVar("T")

Upcaster: TypeAlias = Callable[[Any], JsonValue]
"""Converts the JSON data of one version to the next version."""


class _Known(NamedTuple):
    tag: str
    type: type
    format: Format
    upcasters: Sequence[Upcaster]


class TypedCodec(Generic[T]):
    """A codec for a type, or a union of types: `spawn_persistent(..., codec=TypedCodec(Created | Removed))`.

    For a union, type checkers need an annotation, as in `codec: TypedCodec[A | B] = TypedCodec(A | B)`.

    Fields may have any type that msgspec can write as JSON and read again by the type's annotations: dates, UUIDs,
    enums, tuples, nested types, pydantic models and so on. Fields of pydantic models may have any type that pydantic
    restores.

    An encoded value is decoded as the same value: equal, and of the same types in all its parts. A type that can't be
    restored is refused when the codec is made; a value, before it is stored. Times must have no zone, or a fixed offset
    in whole minutes.

    Args:
        types: A dataclass, a msgspec Struct or a pydantic model, or a union of them.
        upcasters: For each type that has changed, the functions that bring old data up to date: the first one converts
            version 1 to version 2, and so on. The type's version is one more than their number.
        aliases: Names in old journals of types that have been renamed since.

    Raises:
        TypeError: A type isn't one of these, or has a field that can't be written and read. The message names it.
        ValueError: Two types have the same name, or upcasters or aliases are given for another type.
    """

    def __init__(
        self,
        types: type[T] | UnionType,
        *,
        upcasters: Mapping[type, Sequence[Upcaster]] | None = None,
        aliases: Mapping[str, type] | None = None,
    ) -> None:
        members = get_args(types) if get_origin(types) in (Union, UnionType) else (types,)
        self._by_type: dict[type, _Known] = {}
        self._by_tag: dict[str, _Known] = {}
        for member in members:
            format_ = format_of(member)  # first, for its error
            self._add(_Known(member.__name__, member, format_, tuple((upcasters or {}).get(member, ()))))
        for kind in {*(upcasters or {}), *(aliases or {}).values()}:
            if kind not in self._by_type:
                raise ValueError(f"{kind!r} has upcasters or an alias, and isn't one of the codec's types")
        for tag, kind in (aliases or {}).items():
            if tag in self._by_tag:
                raise ValueError(f"the alias {tag!r} is the name of one of the codec's types")
            self._by_tag[tag] = self._by_type[kind]

    def encode(self, value: T) -> JsonValue:
        """The value as JSON data with the name and the version of its type.

        Raises:
            InvalidEventError: The value isn't of one of the codec's types, or would be decoded as a different value.
                The message says where they differ.
        """
        known = self._by_type.get(type(value))
        if known is None:
            expected = ", ".join(sorted(known.tag for known in self._by_type.values()))
            raise InvalidEventError(f"expected one of {expected}, not {shown(value, 200)} ({type(value).__name__})")
        data = write_exactly(known.format, value)
        return {"type": known.tag, "version": len(known.upcasters) + 1, "data": data}

    def decode(self, data: JsonValue) -> T:
        """The value again. Upcasters bring data of older versions up to date.

        Raises:
            ValueError: `encode` didn't make this data, or a newer program wrote it. The message says which.
        """
        match data:
            case {"type": str(tag), "version": int(version), "data": content} if tag in self._by_tag:
                known = self._by_tag[tag]
            case {"type": str(tag)} if tag not in self._by_tag:
                raise ValueError(f"type {tag!r} is none of {', '.join(sorted(self._by_tag))}")
            case _:
                raise ValueError("expected an object with type, version and data")
        current = len(known.upcasters) + 1
        if not 1 <= version <= current:
            raise ValueError(f"{tag} has version {version}; this program knows up to {current}")
        for upcast in known.upcasters[version - 1 :]:
            content = upcast(content)
        value: T = known.format.read(content)
        return value

    def _add(self, known: _Known) -> None:
        if known.tag in self._by_tag:
            raise ValueError(f"two types are called {known.tag!r}")
        self._by_tag[known.tag] = self._by_type[known.type] = known
