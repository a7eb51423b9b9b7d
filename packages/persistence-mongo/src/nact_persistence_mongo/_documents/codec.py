"""Decodes BSON to the values that were stored, and marks values of other programs."""

from __future__ import annotations

from math import isfinite
from typing import Any, NamedTuple, TypeAlias

import bson
from bson.binary import Binary
from bson.codec_options import CodecOptions, DatetimeConversion, TypeDecoder, TypeRegistry
from bson.errors import InvalidDocument
from bson.int64 import Int64

Document: TypeAlias = dict[str, Any]


class Foreign(NamedTuple):
    """A value of a type that no JSON value is stored as: another program wrote it."""

    value: object


class _Integers(TypeDecoder):
    """Decodes MongoDB's long integers to `int`, not to PyMongo's subclass of it."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        return int(value)


class _Bytes(TypeDecoder):
    """Marks binary data, which would become `bytes`."""

    bson_type = bytes

    def transform_bson(self, value: Any) -> Foreign:
        return Foreign(value)


class _Binary(TypeDecoder):
    """Marks binary data of a special kind, such as a UUID, which `marshal` would take for bytes."""

    bson_type = Binary

    def transform_bson(self, value: Any) -> Foreign:
        return Foreign(value)


class _Floats(TypeDecoder):
    """Marks NaN and infinity, which JSON doesn't have."""

    bson_type = float

    def transform_bson(self, value: float) -> object:
        return value if isfinite(value) else Foreign(value)


CODEC: CodecOptions[Document] = CodecOptions(
    type_registry=TypeRegistry([_Integers(), _Bytes(), _Binary(), _Floats()]),
    # Dates of other programs, even beyond the year 9999, are found in the data, not while decoding.
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)


def decoded(raw: bytes) -> list[Document | InvalidDocument]:
    """The documents of a batch. One that can't be decoded becomes an error, and is the last."""
    try:
        return list(bson.decode_all(raw, CODEC))
    except bson.errors.BSONError:
        pass
    documents: list[Document | InvalidDocument] = []
    try:
        documents.extend(bson.decode_iter(raw, CODEC))
    except bson.errors.BSONError as error:
        documents.append(InvalidDocument(str(error)))
    return documents
