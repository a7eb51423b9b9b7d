"""`TypedCodec`: typed events and states, readable in the journal, that may change over the years."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nact import (
    InvalidEventError,
    TypedCodec,
)
from nact.persistence.building import json_data

from .typed import NOON, Address, Created, Removed

pytestmark = pytest.mark.anyio


class Point(msgspec.Struct, array_like=True, frozen=True):
    x: int
    y: tuple[int, ...] = ()


class Tagged(msgspec.Struct, tag="t", rename="camel", omit_defaults=True):
    long_name: int
    other: str = ""


class Model:
    """As much of a pydantic model as the codec uses."""

    def __init__(self, when: date) -> None:
        self.when = when

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and other.when == self.when

    def __hash__(self) -> int:
        return hash(self.when)

    def model_dump(self, *, mode: str, by_alias: bool, round_trip: bool) -> dict[str, Any]:
        assert (mode, by_alias, round_trip) == ("json", True, True)
        return {"When": self.when.isoformat()}

    @classmethod
    def model_validate_json(cls, text: bytes) -> "Model":
        return cls(date.fromisoformat(json.loads(text)["When"]))


VALUES = [
    Created("Ada", NOON),
    Created(
        "Ada",
        NOON,
        Address("Main", 5),
        ("a", "b"),
        {1: "one"},
        {date(2024, 1, 1): 1},
        (1, "x"),
        frozenset([1]),
        raw=b"\0\xff",
        nested=[(1, 2), ()],
    ),
    Removed("Ada"),
    Point(1, (2, 3)),
    Tagged(5),
    Model(date(2024, 1, 1)),
]


codec: TypedCodec[Any] = TypedCodec(Created | Removed | Point | Tagged | Model)


# --- there and back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", VALUES, ids=["few fields", "all fields", "Struct", "array", "tagged", "model"])
def test_a_value_comes_back_as_it_was_through_any_journal(value: Any) -> None:
    encoded = codec.encode(value)
    stored = json_data.decode(json_data.encode(encoded))
    assert stored == encoded
    assert codec.decode(stored) == value
    assert type(codec.decode(stored)) is type(value)


@settings(deadline=None)
@given(st.builds(Address, st.text(), st.integers(-(2**63), 2**63 - 1)) | st.builds(Removed, st.text()))
def test_any_value_of_simple_fields_comes_back(value: Address | Removed) -> None:
    simple: TypedCodec[Address | Removed] = TypedCodec(Address | Removed)
    assert simple.decode(json_data.decode(json_data.encode(simple.encode(value)))) == value


def test_what_is_stored_says_what_it_is() -> None:
    assert codec.encode(Removed("Ada")) == {"type": "Removed", "version": 1, "data": {"name": "Ada"}}


def test_one_type_alone_has_a_codec_too() -> None:
    only = TypedCodec(Removed)
    assert only.decode(only.encode(Removed("a"))) == Removed("a")


def test_a_pydantic_model_comes_back_as_it_was() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Strict(pydantic.BaseModel):  # type: ignore[name-defined, misc]
        model_config = pydantic.ConfigDict(strict=True, extra="forbid")

        when: date = pydantic.Field(alias="When")
        tags: tuple[str, ...]
        by_number: dict[int, str]

        @pydantic.computed_field  # type: ignore[prop-decorator, untyped-decorator]
        @property
        def year(self) -> int:
            return self.when.year

    models: TypedCodec[Any] = TypedCodec(Strict)
    value = Strict(When=date(2024, 1, 1), tags=("a",), by_number={1: "one"})
    encoded = json_data.decode(json_data.encode(models.encode(value)))
    assert encoded["data"] == {"When": "2024-01-01", "tags": ["a"], "by_number": {"1": "one"}}
    assert models.decode(encoded) == value


# --- what can't be written -------------------------------------------------------------------------------------------


@dataclass
class Anything:
    value: Any


@pytest.mark.parametrize("value", [object(), 1j, {"a": [object()]}], ids=["object", "complex", "deep"])
def test_a_field_that_cant_be_written_is_refused(value: Any) -> None:
    with pytest.raises(InvalidEventError, match="can't be written as JSON"):
        TypedCodec(Anything).encode(Anything(value))


@pytest.mark.parametrize("value", [float("nan"), 2**70, "\ud800"], ids=["nan", "huge", "surrogate"])
def test_a_field_that_json_cant_hold_exactly_is_refused_with_its_path_and_never_altered(value: Any) -> None:
    with pytest.raises(InvalidEventError, match=r"data\.value|surrogate"):
        json_data.encode(TypedCodec(Anything).encode(Anything(value)))


@pytest.mark.parametrize("value", [{"name": "Ada"}, "Ada", None, Address("Main", 1)], ids=repr)
def test_a_value_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(InvalidEventError, match=r"expected one of Created, Removed, not .*\("):
        TypedCodec(Created | Removed).encode(value)


def test_a_value_of_a_subclass_is_refused_for_it_wouldnt_come_back() -> None:
    class Sub(Created):
        pass

    with pytest.raises(InvalidEventError, match=r"\(Sub\)"):
        TypedCodec(Created | Removed).encode(Sub("Ada", NOON))


# --- what can't be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"type": "Lost", "version": 1, "data": {}}, "type 'Lost' is none of Created, Removed"),
        ({"type": "Removed", "version": 2, "data": {"name": "a"}}, "Removed has version 2; this program knows up to 1"),
        ({"type": "Removed", "version": 0, "data": {"name": "a"}}, "Removed has version 0"),
        ({"type": "Removed", "data": {"name": "a"}}, "expected an object with type, version and data"),
        ({"type": "Removed", "version": "1", "data": {"name": "a"}}, "expected an object with type, version and data"),
        ({"type": ["Removed"], "version": 1, "data": {}}, "expected an object with type, version and data"),
        ({"name": "a"}, "expected an object with type, version and data"),
        (None, "expected an object with type, version and data"),
        ({"type": "Removed", "version": 1, "data": {}}, "missing required field `name`"),
        ({"type": "Removed", "version": 1, "data": {"name": 5}}, r"Expected `str`, got `int` - at `\$.name`"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_data_that_encode_didnt_make_is_refused_and_it_says_why(data: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        TypedCodec(Created | Removed).decode(data)
