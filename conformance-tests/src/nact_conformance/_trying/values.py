"""Values that stores alter, and ways to generate more of them."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from typing import Any, NamedTuple

from hypothesis import strategies as st

EDGES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 0.0, -0.0, 1.0, -1.0, "", "0", "null", "true", [], {}),
    *(2**31 - 1, 2**31, -(2**31) - 1, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)),
    *(1e22, 1e23, -1e22, 1e16, 1e15, 123456789012345680.0, 1e308, 5e-324, 2.2250738585072014e-308, 0.1, 1 / 3, 1e-7),
    *(
        [[]],
        [{}],
        {"": ""},
        {"": None},
        [None],
        [[[[]]]],
        {"a": {"a": {"a": []}}},
        [1, 1.0, True, "1"],
        [0, -0.0, False],
    ),
    *({"b": 1, "a": 2}, {"a": None}, {"a": [], "b": {}}, {"1": 1, "01": 2, "1.0": 3}, [{"a": 1}, {"a": 1.0}]),
)
"""JSON values that one store or another gives back as something else."""

TEXTS: tuple[str, ...] = (
    *("'", '"', "`", "\\", "\\\\", '\\"', "''", "%s", "$1", "?", ":a", "${x}", "{{}}", "\\u0000", "\\n", "--", "/*"),
    *(
        "\t",
        "\n",
        "\r\n",
        "\r",
        "\b",
        "\f",
        "\v",
        "\x1f",
        "\x7f",
        "\x80",
        "\x85",
        "\xa0",
        "\xad",
        "\ufeff",
        "\u2028\u2029",
    ),
    *(
        "é",
        "e\u0301",
        "ﬁ",
        "ß",
        "İ",
        "日本語",
        "שלום",
        "\u202e",
        "😀",
        "👩\u200d👩\u200d👧",
        "\uffff",
        "\ufffe",
        "\U0010ffff",
        "\ud7ff",
    ),
    *(" ", "  a  ", "a ", " a", "2020-01-01", "2020-01-01T00:00:00Z", "NaN", "Infinity", "1e400", "0x10", "None"),
    *("$oid", "$date", "__class__", "<script>", "a" * 70_000, "\\ud800", "&amp;"),
)
"""Strings that are lost between layers that escape."""

NAMES: tuple[str, ...] = (
    *TEXTS,
    *("$set", "$where", "a.b", ".a", "a.", "_id", "__proto__", "constructor", "0", "length"),
)
"""Names of fields that some store gives a meaning to."""


class Colour(enum.IntEnum):
    """An int that isn't one."""

    RED = 1


class Text(str):
    """A str that isn't one."""

    __slots__ = ()


class Point(NamedTuple):
    """A tuple that has names."""

    x: int


def _itself() -> list[Any]:
    endless: list[Any] = []
    endless.append(endless)
    return endless


REFUSED: tuple[Any, ...] = (
    *(
        float("nan"),
        float("inf"),
        float("-inf"),
        2**63,
        -(2**63) - 1,
        10**30,
        (1, 2),
        (),
        {1},
        frozenset(),
        b"a",
        bytearray(),
    ),
    *(
        {1: "a"},
        {None: 1},
        {True: 1},
        {1.5: 1},
        {("a",): 1},
        {b"a": 1},
        "\ud800",
        "a\udfff",
        {"\ud800": 1},
        1j,
        object(),
    ),
    *(Colour.RED, Text("a"), Point(1), {Text("a"): 1}, _itself()),
    *(
        decimal.Decimal(1),
        uuid.UUID(int=0),
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        dt.date(2020, 1, 1),
    ),
)
"""Values that aren't JSON, though many encoders make JSON of them."""

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(lambda text: text.replace("\0", ""))
_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _text
    | st.sampled_from(EDGES)
    | st.sampled_from(TEXTS)
)


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON value without a NUL, simple ones first."""
    return st.recursive(
        _leaves,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_text | st.sampled_from(NAMES), inner, max_size=5),
        max_leaves=20,
    )


def metadata() -> st.SearchStrategy[dict[str, Any]]:
    """Any metadata without a NUL; often none."""
    return st.just({}) | st.dictionaries(_text | st.sampled_from(NAMES), json_values(), max_size=3)


def events() -> st.SearchStrategy[tuple[Any, list[str], str, dict[str, Any]]]:
    """Data, tags, the end of a key, and metadata."""
    return st.tuples(json_values(), st.lists(texts(), max_size=3), texts(), metadata())


def texts() -> st.SearchStrategy[str]:
    """Text that can be a key or a tag: not empty, without a NUL."""
    return _text.filter(bool)
