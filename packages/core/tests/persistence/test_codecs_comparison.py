"""When two values are the same for `TypedCodec`, though `==` says otherwise, or the other way round."""

from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nact.persistence.codecs._comparison import difference

NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)


@dataclass(eq=False)
class Bare:
    value: Any


class Plain:
    __slots__ = ("__hidden", "shown")

    def __init__(self, shown: Any, hidden: Any) -> None:
        self.shown, self.__hidden = shown, hidden

    def __eq__(self, _: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Bag(dict[str, int]):
    note = ""


class Wintry(tzinfo):
    """A zone that needs a date to know its offset."""

    def utcoffset(self, at: datetime | None) -> timedelta:
        return timedelta(hours=1 if at.month < 4 else 2)  # type: ignore[union-attr]

    def tzname(self, _: datetime | None) -> str:
        return "wintry"

    def dst(self, _: datetime | None) -> timedelta:
        return timedelta(0)


def bag(note: str) -> Bag:
    made = Bag(a=1)
    made.note = note
    return made


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (True, 1),
        (1, 1.0),
        (0.0, -0.0),
        (float("nan"), float("nan")),
        (Decimal("1.0"), Decimal("1.00")),
        (Decimal("NaN"), Decimal("NaN")),
        (NOON, NOON.replace(hour=14, tzinfo=timezone(timedelta(hours=2)))),
        (NOON.replace(tzinfo=ZoneInfo("Europe/Berlin")), NOON.replace(tzinfo=timezone(timedelta(hours=2)))),
        (NOON.replace(tzinfo=Wintry()), NOON.replace(tzinfo=timezone(timedelta(hours=2)))),
        (NOON.replace(tzinfo=None), NOON),
        ([1, 2], [1]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: 1}, {True: 1}),
        ({1, 2}, {1, 3}),
        (deque([1], 3), deque([1])),
        (defaultdict(int), defaultdict(list)),
        (OrderedDict(a=1), {"a": 1}),
        (bag("x"), bag("y")),
        (Bare([1]), Bare([2])),
        (Plain(1, 2), Plain(1, 3)),
    ],
)
def test_values_that_differ_somewhere_are_told_apart(value: object, back: object) -> None:
    assert difference(value, back, "data")


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (NOON, NOON.replace(tzinfo=timezone(timedelta(0), "noon"))),
        (NOON.replace(tzinfo=ZoneInfo("UTC")), NOON),
        ({3, 1, 2}, {1, 2, 3}),
        (bag("x"), bag("x")),
        (Bare([Bare(1)]), Bare([Bare(1)])),
        (Plain(1, (2,)), Plain(1, (2,))),
        (PurePosixPath("/a"), PurePosixPath("/a")),
    ],
)
def test_values_that_are_alike_in_all_parts_are_the_same(value: object, back: object) -> None:
    assert difference(value, back, "data") is None
