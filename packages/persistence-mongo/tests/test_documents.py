"""Documents that another program wrote, or changed. These tests need no server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import bson
import pytest
from bson import DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import Binary, BinaryVectorDtype, UuidRepresentation
from bson.code import Code

from nact.errors import CorruptJournalError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_persistence_mongo._documents.codec import decoded
from nact_persistence_mongo._documents.decoding import events_in, stored_snapshot
from nact_persistence_mongo._documents.encoding import snapshot_bson
from nact_persistence_mongo._writing.appends import append_all

FOREIGN: list[Any] = [
    datetime(2020, 1, 1, tzinfo=UTC),
    ObjectId("0" * 24),
    Decimal128("1.5"),
    Binary(b"x"),
    Binary(b"x", 128),
    Binary.from_uuid(UUID(int=7)),
    Binary.from_uuid(UUID(int=7), UuidRepresentation.PYTHON_LEGACY),
    Binary.from_vector([1, 2], BinaryVectorDtype.INT8),
    Regex("x"),
    Timestamp(1, 1),
    Code("x"),
    DBRef("contacts", 1),
    MinKey(),
    MaxKey(),
    float("nan"),
    float("inf"),
]


def event(number: int, data: Any = None) -> PersistedEvent:
    return PersistedEvent(key="k", sequence_number=number, data=data)


def read(document: dict[str, Any]) -> list[PersistedEvent]:
    (found,) = decoded(bson.encode(document))
    assert isinstance(found, dict)
    return list(events_in("k", found))


def stored(*events: PersistedEvent) -> dict[str, Any]:
    return bson.decode(append_all(events).document().raw)


@pytest.mark.parametrize("foreign", FOREIGN, ids=repr)
def test_a_value_that_json_does_not_have_makes_the_event_corrupt(foreign: Any) -> None:
    for data in (foreign, {"when": foreign}, [[foreign]]):
        with pytest.raises(CorruptJournalError) as caught:
            read({**stored(event(3)), "data": data})
        assert (caught.value.key, caught.value.sequence_number) == ("k", 3)


@pytest.mark.parametrize("foreign", FOREIGN, ids=repr)
def test_a_foreign_value_within_a_batch_is_found_in_its_place(foreign: Any) -> None:
    document = stored(event(1), event(2))
    document["events"][1]["data"] = foreign
    (found,) = decoded(bson.encode(document))
    assert isinstance(found, dict)
    events = events_in("k", found)
    assert next(events).sequence_number == 1
    with pytest.raises(CorruptJournalError) as caught:
        next(events)
    assert caught.value.sequence_number == 2


@pytest.mark.parametrize("foreign", FOREIGN, ids=repr)
def test_a_foreign_value_makes_a_snapshot_corrupt(foreign: Any) -> None:
    raw = snapshot_bson(PersistedSnapshot(key="k", sequence_number=5, data=None))
    (found,) = decoded(bson.encode({**bson.decode(raw), "data": foreign}))
    assert isinstance(found, dict)
    with pytest.raises(CorruptJournalError) as caught:
        stored_snapshot("k", found)
    assert caught.value.sequence_number == 5


@pytest.mark.parametrize(
    ("field", "foreign"),
    [
        ("created_at", datetime(2020, 1, 1, tzinfo=UTC)),
        ("event_id", ObjectId("0" * 24)),
        ("tags", "red"),
        ("tags", None),
    ],
)
def test_a_field_of_another_type_makes_the_event_corrupt(field: str, foreign: Any) -> None:
    with pytest.raises(CorruptJournalError, match=field):
        read({**stored(event(3)), field: foreign})


def test_long_integers_of_another_program_are_read_as_int() -> None:
    (found,) = read({**stored(event(3)), "data": Int64(5)})
    assert type(found.data) is int


def test_events_that_share_a_document_do_not_repeat_the_key() -> None:
    assert list(stored(event(1), event(2))["events"][0]) == [
        "sequence_number",
        "event_id",
        "created_at",
        "tags",
        "data",
    ]
