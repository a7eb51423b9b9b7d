"""Exact or refused: data comes back equal and of the same types, or isn't stored at all."""

import math
from collections import OrderedDict, namedtuple
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nact import InvalidEventError
from nact.persistence.building import json_data
from nact.persistence.building.json_data import MAX_DEPTH, MAX_INT, MIN_INT

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
scalars = (
    st.none() | st.booleans() | st.integers(MIN_INT, MAX_INT) | st.floats(allow_nan=False, allow_infinity=False) | texts
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=30)
Pair = namedtuple("Pair", "a b")  # noqa: PYI024


class Level(IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


def typed(value: Any) -> Any:
    """The value with the type of each part, and with the sign of each zero."""
    if isinstance(value, list):
        return [typed(item) for item in value]
    if isinstance(value, dict):
        return {name: typed(item) for name, item in value.items()}
    return type(value), value, math.copysign(1, value) if isinstance(value, float) else None


def nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@settings(deadline=None)
@given(values)
def test_a_json_value_comes_back_equal_and_of_the_same_types(value: Any) -> None:
    json_data.check(value)
    assert typed(json_data.decode(json_data.encode(value))) == typed(value)


@settings(deadline=None)
@given(values)
def test_what_comes_back_shares_nothing_with_the_original(value: Any) -> None:
    copy = json_data.decode(json_data.encode([value]))
    assert copy[0] is not value or not isinstance(value, list | dict)


@pytest.mark.parametrize(
    "value", [MIN_INT, MAX_INT, -0.0, 5e-324, 1.7976931348623157e308, "\0", "\uffff", "é", {"": {}}]
)
def test_values_at_the_edge_come_back(value: Any) -> None:
    assert typed(json_data.decode(json_data.encode(value))) == typed(value)


def test_values_may_be_nested_as_deep_as_promised_and_no_deeper() -> None:
    assert json_data.decode(json_data.encode(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    with pytest.raises(InvalidEventError, match=f"nested deeper than {MAX_DEPTH}"):
        json_data.check(nested(MAX_DEPTH + 1))


@pytest.mark.parametrize("kind", [list, dict])
def test_a_value_that_contains_itself_is_refused(kind: Any) -> None:
    value = kind()
    value.append(value) if kind is list else value.update(a=value)
    with pytest.raises(InvalidEventError, match="contains itself"):
        json_data.encode(value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (float("nan"), "the value: nan (JSON has no such number)"),
        (float("inf"), "the value: inf (JSON has no such number)"),
        ([-float("inf")], "[0]: -inf (JSON has no such number)"),
        (MAX_INT + 1, "the value: an int beyond 64 bits signed, 9223372036854775808"),
        ({"n": MIN_INT - 1}, "n: an int beyond 64 bits signed, -9223372036854775809"),
        ("\ud800", "the value: a str with a lone surrogate, '\\ud800'"),
        ({"a": ["ok", "\udfff"]}, "a[1]: a str with a lone surrogate"),
        ({"\ud800": 1}, "the value: a dict whose key '\\ud800' has a lone surrogate"),
        ({"a": {"\ud800": 1}}, "a: a dict whose key '\\ud800' has a lone surrogate"),
        ({1: 2}, "the value: a dict with the key 1 (int; only str keys are JSON)"),
        ({"a": [{None: 2}]}, "a[0]: a dict with the key None (NoneType; only str keys are JSON)"),
        ({Text("a"): 2}, "the value: a dict with the key 'a' (Text; only str keys are JSON)"),
        ((1, 2), "the value: tuple"),
        ({"a": {1, 2}}, "a: set"),
        (b"bytes", "the value: bytes"),
        ([bytearray()], "[0]: bytearray"),
        (Decimal(1), "the value: Decimal"),
        (Text("a"), "the value: Text"),
        ([Level.ONE], "[0]: Level"),
        (Pair(1, 2), "the value: Pair"),
        (OrderedDict(a=1), "the value: OrderedDict"),
        ([[[], {"x": [0, object()]}]], "[0][1].x[1]: object"),
        (
            {"contacts": [{}, {}, {"name": "ok"}, {"name": "Ada", "birthday": datetime(1815, 12, 10, tzinfo=UTC)}]},
            "contacts[3].birthday: datetime",
        ),
    ],
    ids=lambda value: ascii(value)[:50].partition(" at 0x")[0],
)
def test_another_value_is_refused_with_the_path_to_what_is_wrong(value: Any, says: str) -> None:
    for refuse in (json_data.check, json_data.encode):
        with pytest.raises(InvalidEventError) as caught:
            refuse(value)
        assert str(caught.value).startswith(f"not a JSON value: {says}")


@settings(deadline=None)
@given(values, st.sampled_from([object(), (), b"", 1j, {1: 1}, float("nan"), MAX_INT + 1, "\ud800"]))
def test_one_bad_part_anywhere_has_the_whole_refused(value: Any, bad: Any) -> None:
    for whole in ([value, bad], {"a": value, "b": {"c": bad}}, [[value], [[bad]]]):
        with pytest.raises(InvalidEventError):
            json_data.encode(whole)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[1,]", b"NaN", b'"\\ud800"', b"\xff", b"1 2", "'a'", b"[" * 200_000],
    ids=lambda t: repr(t[:20]),
)
def test_what_isnt_json_text_is_refused_with_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        json_data.decode(text)
