"""Formats write the values of one type as JSON data and read them again, by msgspec or by pydantic."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import msgspec
from msgspec import inspect as shape

from nact.errors import InvalidEventError
from nact.persistence.building import json_data
from nact.persistence.codecs import _models, _unsupported
from nact.persistence.codecs._comparison import difference, shown
from nact.persistence.codecs._model_proofs import ModelProofs
from nact.persistence.codecs._proofs import Proof
from nact.persistence.codecs._record_proofs import RecordProofs
from nact.persistence.records import JsonValue

_from_json = msgspec.json.Decoder().decode


class Format(Protocol):
    """Writes and reads values of one type."""

    proves: Proof
    """Returns True if a value is certain to be read back unchanged; see `_proofs`."""

    def write(self, value: Any) -> JsonValue:
        """The value as JSON data."""

    def read(self, content: JsonValue) -> Any:
        """The value of the JSON data."""


def format_of(kind: Any) -> Format:
    """The format of a dataclass, a msgspec Struct or a pydantic model.

    Raises:
        TypeError: It is none of these, or has a field that can't be written or read. The message names the field.
    """
    if isinstance(kind, type):
        if _models.is_model(kind):
            return _ModelFormat(kind)
        if dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct):
            return _RecordFormat(kind)
    raise TypeError(f"expected dataclasses, msgspec Structs or pydantic models, not {kind!r}")


def write_exactly(format_: Format, value: Any) -> JsonValue:
    """The value as JSON data from which the format reads the same value again.

    Raises:
        InvalidEventError: The value can't be written, or would be read as another value. The message says where.
    """
    try:
        data = format_.write(value)
        if format_.proves(value):
            return data
    except Exception as error:  # an application's class may raise anything
        raise InvalidEventError(f"{shown(value, 200)} can't be written as JSON: {error}") from error
    json_data.check({"data": data})
    try:
        fault = difference(value, format_.read(data), "data")
    except Exception as error:
        raise InvalidEventError(f"{shown(value, 200)} can't be read back from {data!r:.200}: {error}") from error
    if fault is not None:
        raise InvalidEventError(f"{type(value).__name__} can't be stored exactly: {fault}")
    return data


class _RecordFormat:
    """The format of dataclasses and Structs. Models in their fields write and read themselves."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        _unsupported.check_type(kind)
        self._to_json = msgspec.json.Encoder(enc_hook=_models.write).encode
        self.proves = RecordProofs(ModelProofs().of).of(shape.type_info(kind))

    def write(self, value: Any) -> JsonValue:
        # Through text and back, to get the data that any journal returns: lists for tuples, str keys.
        data: JsonValue = _from_json(self._to_json(value))
        return data

    def read(self, content: JsonValue) -> Any:
        return msgspec.convert(content, self._kind, str_keys=True, dec_hook=_models.read)


class _ModelFormat:
    """The format of pydantic models."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        _unsupported.check_model(kind)
        self.proves = ModelProofs().of(kind)

    def write(self, value: Any) -> JsonValue:
        return _models.write(value)

    def read(self, content: JsonValue) -> Any:
        return _models.read(self._kind, content)
