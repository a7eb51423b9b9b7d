"""`Codec`, the protocol of codecs, and `FunctionCodec`, the simplest one."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, Generic, Protocol, TypeVar

from nact._actor.options import check_callable
from nact.persistence.records import JsonValue

T = TypeVar("T")


class Codec(Protocol[T]):
    """Writes values as JSON data, and reads them again. `TypedCodec` is one.

    `decode` has to return an equal value of the same type for all data that `encode` ever wrote, even years ago.
    """

    def encode(self, value: T, /) -> JsonValue:
        """The value as JSON data.

        Raises:
            InvalidEventError: The value can't be stored exactly. Then nothing is stored.
        """
        ...

    def decode(self, data: JsonValue, /) -> T:
        """The value again. An error here makes the reader of the journal raise a `CorruptJournalError`."""
        ...


class FunctionCodec(Generic[T]):
    """A codec made of two functions, as in `FunctionCodec(str, Decimal)`.

    Args:
        encode: Returns the JSON data of a value.
        decode: Returns the value of the JSON data.

    Raises:
        TypeError: One of them isn't a plain function.
    """

    __slots__ = ("decode", "encode")

    def __init__(self, encode: Callable[[T], JsonValue], decode: Callable[[JsonValue], T]) -> None:
        check_function("encode", encode)
        check_function("decode", decode)
        self.encode = encode
        self.decode = decode


def check_function(name: str, value: Any) -> None:
    """Raises `TypeError` if it isn't a plain function: a codec's functions aren't awaited."""
    check_callable(name, value)
    if iscoroutinefunction(value):
        raise TypeError(f"{name} must be a plain function, not the async {value!r}: it isn't awaited")
