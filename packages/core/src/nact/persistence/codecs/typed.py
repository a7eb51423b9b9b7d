"""`TypedCodec`: dataclasses, msgspec Structs and pydantic models as events and snapshots, and how they may change.

What is stored is readable and says what it is: `{"type": "ContactCreated", "version": 2, "data": {...}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import UnionType
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, Union, get_args, get_origin

from nact.errors import InvalidEventError
from nact.persistence.codecs._forms import Form, form_of, write_exactly
from nact.persistence.codecs._sameness import shown
from nact.persistence.records import JsonValue

T = TypeVar("T")

Upcaster: TypeAlias = Callable[[Any], JsonValue]
"""Makes the JSON data of one version into that of the next."""


class _Known(NamedTuple):
    tag: str
    type: type
    form: Form
    upcasters: Sequence[Upcaster]


class TypedCodec(Generic[T]):
    """An encoder and a decoder for a type, or a union of types.

    A type checker has to be told the union: `codec: TypedCodec[Created | Removed] = TypedCodec(Created | Removed)`.

    Give `codec.encode` and `codec.decode` to `spawn_persistent`. Fields may have any type that msgspec can write as
    JSON and read again (dates, UUIDs, enums, tuples, nested types, pydantic models, ...): it is restored from the
    type's annotations. Fields of pydantic models may have any type that pydantic restores.

    What is encoded comes back the same: equal, and of the same types at every place. What wouldn't is refused, types
    when the codec is made and values before they are stored. A time has no zone, or a fixed offset in whole minutes.

    Args:
        types: A dataclass, a msgspec Struct or a pydantic model, or a union of them.
        upcasters: For a type that has changed, the functions that bring old data up to date: the first one makes
            version 2 of version 1, and so on. The type's version is one more than their number.
        aliases: Names that stand in old journals for types that are called otherwise now.

    Raises:
        TypeError: A type isn't one of these, or has a field that can't be written and read; it names the field.
        ValueError: Two types have one name, or upcasters or aliases are for another type.
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
            form = form_of(member)
            self._add(_Known(member.__name__, member, form, tuple((upcasters or {}).get(member, ()))))
        for kind in {*(upcasters or {}), *(aliases or {}).values()}:
            if kind not in self._by_type:
                raise ValueError(f"{kind!r} has upcasters or an alias, and isn't one of the codec's types")
        for tag, kind in (aliases or {}).items():
            if tag in self._by_tag:
                raise ValueError(f"the alias {tag!r} is the name of one of the codec's types")
            self._by_tag[tag] = self._by_type[kind]

    def encode(self, value: T) -> JsonValue:
        """The value as JSON data that says its type and version.

        Raises:
            InvalidEventError: The value isn't of one of the codec's types, or wouldn't come back the same. Says where.
        """
        known = self._by_type.get(type(value))
        if known is None:
            expected = ", ".join(sorted(known.tag for known in self._by_type.values()))
            raise InvalidEventError(f"expected one of {expected}, not {shown(value, 200)} ({type(value).__name__})")
        data = write_exactly(known.form, value)
        return {"type": known.tag, "version": len(known.upcasters) + 1, "data": data}

    def decode(self, data: JsonValue) -> T:
        """The value again, brought up to date where an older version wrote it.

        Raises:
            ValueError: The data isn't what `encode` made, or a newer program wrote it. Says what is wrong.
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
        value: T = known.form.read(content)
        return value

    def _add(self, known: _Known) -> None:
        if known.tag in self._by_tag:
            raise ValueError(f"two types are called {known.tag!r}")
        self._by_tag[known.tag] = self._by_type[known.type] = known
