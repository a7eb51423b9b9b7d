"""How values of one type are written as JSON data and read again: by msgspec, or by the pydantic model itself."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import msgspec
from msgspec import inspect as shape

from nact.errors import InvalidEventError
from nact.persistence.building import json_data
from nact.persistence.codecs import _models, _refusals
from nact.persistence.codecs._model_proofs import ModelProofs
from nact.persistence.codecs._proofs import Proof
from nact.persistence.codecs._record_proofs import RecordProofs
from nact.persistence.codecs._sameness import difference, shown
from nact.persistence.records import JsonValue

_from_json = msgspec.json.Decoder().decode


class Form(Protocol):
    """Writes and reads values of one type."""

    proves: Proof
    """Whether a value comes back as it is, as far as can be told without reading it."""

    def write(self, value: Any) -> JsonValue:
        """The value as JSON data."""

    def read(self, content: JsonValue) -> Any:
        """The value again."""


def form_of(kind: Any) -> Form:
    """The form of a dataclass, a msgspec Struct or a pydantic model.

    Raises:
        TypeError: It is none of these, or has a field that can't be written or read. Names the field.
    """
    if isinstance(kind, type):
        if _models.is_model(kind):
            return _ModelForm(kind)
        if dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct):
            return _RecordForm(kind)
    raise TypeError(f"expected dataclasses, msgspec Structs or pydantic models, not {kind!r}")


def write_exactly(form: Form, value: Any) -> JsonValue:
    """The value as JSON data from which the form reads the same value again.

    Raises:
        InvalidEventError: It can't be written, or would come back as something else. Says what and where.
    """
    try:
        data = form.write(value)
        if form.proves(value):
            return data
    except Exception as error:  # also what a class of the application's raises
        raise InvalidEventError(f"{shown(value, 200)} can't be written as JSON: {error}") from error
    json_data.check({"data": data})
    try:
        fault = difference(value, form.read(data), "data")
    except Exception as error:
        raise InvalidEventError(f"{shown(value, 200)} can't be read back from {data!r:.200}: {error}") from error
    if fault is not None:
        raise InvalidEventError(f"{type(value).__name__} can't be stored exactly: {fault}")
    return data


class _RecordForm:
    """Of dataclasses and Structs. Models in their fields write and read themselves."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        _refusals.refuse_unreadable(kind)
        self._to_json = msgspec.json.Encoder(enc_hook=_models.write).encode
        self.proves = RecordProofs(ModelProofs().of).of(shape.type_info(kind))

    def write(self, value: Any) -> JsonValue:
        # There and back through text gives what any journal gives: lists for tuples, str keys.
        data: JsonValue = _from_json(self._to_json(value))
        return data

    def read(self, content: JsonValue) -> Any:
        return msgspec.convert(content, self._kind, str_keys=True, dec_hook=_models.read)


class _ModelForm:
    """Of pydantic models."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        _refusals.refuse_unreadable_model(kind)
        self.proves = ModelProofs().of(kind)

    def write(self, value: Any) -> JsonValue:
        return _models.write(value)

    def read(self, content: JsonValue) -> Any:
        return _models.read(self._kind, content)
