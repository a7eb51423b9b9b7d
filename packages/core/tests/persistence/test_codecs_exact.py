"""What `TypedCodec` encodes comes back the same: equal, and of the same types at every place. Or it is refused."""

import enum
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from nact import InvalidEventError, TypedCodec
from nact.persistence.building import json_data

from .typed import Color

T = TypeVar("T")
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2024, 7, 1, 12)  # noqa: DTZ001


def record(hint: Any, value: Any) -> Any:
    """A dataclass's object with this field and this value."""
    return make_dataclass("Record", [("it", hint)])(value)


def again(value: Any) -> Any:
    """What a later program reads."""
    codec: TypedCodec[Any] = TypedCodec(type(value))
    return codec.decode(json_data.decode(json_data.encode(codec.encode(value))))


def refusal(value: Any) -> str:
    codec: TypedCodec[Any] = TypedCodec(type(value))
    with pytest.raises(InvalidEventError) as caught:
        codec.encode(value)
    return str(caught.value)


class Rank(enum.IntEnum):
    LOW = 1


class Tag(str):
    __slots__ = ()


class Point(NamedTuple):
    x: int


class Options(TypedDict, total=False):
    x: int


@dataclass
class Base:
    a: int


@dataclass
class Derived(Base):
    b: int = 0


@dataclass
class Box(Generic[T]):
    content: T


class Cat(msgspec.Struct, tag="cat"):
    name: str


class Dog(msgspec.Struct, tag="dog"):
    name: str


class Puppy(Dog, tag="dog"):
    pass


# --- fields that hold what they don't say ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, None),
        (int, True),
        (int, 3.0),
        (int, "3"),
        (int, Rank.LOW),
        (int, 2**63),
        (float, 3),
        (float, Decimal("1.5")),
        (float, float("nan")),
        (float | None, float("inf")),
        (str, b"x"),
        (str, UUID(int=1)),
        (str, Tag("x")),
        (bytes, bytearray(b"x")),
        (date, NOON),
        (Color, "red"),
        (Rank, 1),
        (Literal["a"], "b"),
        (Literal[1], True),
        (Annotated[int, msgspec.Meta(ge=0)], -1),
        (Annotated[list[int], msgspec.Meta(max_length=1)], [1, 2]),
        (list[int], (1,)),
        (list[int], [True]),
        (tuple[int, ...], [1]),
        (tuple[int, str], (1,)),
        (set[int], {True}),
        (frozenset[float], frozenset([1])),
        (set[tuple[int, ...]], {(True,)}),
        (dict[int, str], {True: "x"}),
        (dict[float, str], {1: "x"}),
        (dict[int | str, str], {1: "x"}),
        (dict[int | str, str], {1: "x", "1": "y"}),
        (dict[str, int], OrderedDict(a=1)),
        (Sequence[int], (1,)),
        (Base, Derived(1)),
        (list[Base], [Derived(1)]),
        (Base, {"a": 1}),
        (Box[int], Box("x")),
        (Cat | Dog, Puppy("Rex")),
        (Point, (1,)),
        (Point, Point(True)),
        (Options, {"x": 1, "y": 2}),
        (Decimal, Decimal("NaN")),
        (Decimal | int, True),
    ],
    ids=str,
)
def test_a_value_that_isnt_what_its_field_says_is_refused(hint: Any, value: Any) -> None:
    assert refusal(record(hint, value))
    assert refusal(record(Box[hint], Box(value)))


@pytest.mark.parametrize(
    "value",
    [date(2024, 1, 1), UUID(int=1), (1,), {1}, b"x", Decimal(1), {1: "a"}, {1: "a", "1": "b"}, Base(1), Rank.LOW, [()]],
    ids=repr,
)
@pytest.mark.parametrize("hint", [Any, Box], ids=["Any", "bare generic"])
def test_any_holds_only_what_is_json_as_it_is(hint: Any, value: Any) -> None:
    assert "comes back as" in refusal(record(hint, Box(value) if hint is Box else value))


@pytest.mark.parametrize(("hint", "value"), [(dict, {1: "a"}), (list, [date(2024, 1, 1)]), (dict, {"a": (1,)})])
def test_bare_containers_hold_only_json_too(hint: Any, value: Any) -> None:
    assert "comes back as" in refusal(record(hint, value))


def test_a_refusal_says_where_and_what() -> None:
    says = refusal(record(dict[str, list[Base]], {"first": [Base(1), Derived(2)]}))
    assert "Record can't be stored exactly: data.it['first'][1]: Derived(a=2, b=0) (Derived) comes back as" in says


# --- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", [None, UTC, timezone(timedelta(hours=-5, minutes=30)), ZoneInfo("UTC")], ids=repr)
@pytest.mark.parametrize("clock", [NOON, datetime.min, datetime.max], ids=str)  # noqa: DTZ901
def test_a_time_with_a_fixed_offset_comes_back(zone: Any, clock: datetime) -> None:
    value = clock.replace(tzinfo=zone)
    back = again(record(datetime, value)).it
    assert (back.replace(tzinfo=None), back.utcoffset()) == (clock, value.utcoffset())


@pytest.mark.parametrize(
    "value",
    [
        NOON.replace(tzinfo=BERLIN),
        NOON.replace(month=10, day=27, hour=2, minute=30, fold=1, tzinfo=BERLIN),
        NOON.replace(fold=1),
        NOON.replace(tzinfo=timezone(timedelta(minutes=53, seconds=28))),
        NOON.replace(tzinfo=timezone(timedelta(microseconds=1))),
    ],
    ids=str,
)
def test_a_time_that_would_lose_its_zone_or_fold_is_refused(value: datetime) -> None:
    assert "comes back as" in refusal(record(datetime, value))
    assert refusal(record(time, value.timetz()))


def test_the_error_about_a_zone_in_a_time_says_what_to_do() -> None:
    assert "store the time with a fixed offset" in refusal(record(datetime, NOON.replace(tzinfo=BERLIN)))


@pytest.mark.parametrize(
    "value", [timedelta.min, timedelta.max, timedelta(microseconds=-1), timedelta(3, 5, 7)], ids=str
)
def test_a_length_of_time_comes_back_to_the_microsecond(value: timedelta) -> None:
    assert again(record(timedelta, value)).it == value


@pytest.mark.parametrize("text", ["1.10", "1.1", "-0", "1E+30", "Infinity", "0E-7"])
def test_a_decimal_keeps_its_digits(text: str) -> None:
    assert str(again(record(Decimal, Decimal(text))).it) == text


# --- classes that do things of their own -----------------------------------------------------------------------------


@dataclass
class Liar:
    value: Any
    hidden: Any = field(default=None, compare=False)

    def __eq__(self, _: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def test_a_class_isnt_asked_whether_it_came_back() -> None:
    assert refusal(Liar((1,)))
    assert refusal(Liar(1, hidden=(1,)))


@dataclass
class Doubling:
    value: int

    def __post_init__(self) -> None:
        self.value *= 2


@dataclass
class Checked:
    value: int
    twice: int = field(init=False)

    def __post_init__(self) -> None:
        if self.value < 0:
            raise RuntimeError("below zero")
        self.twice = self.value * 2


def test_what_post_init_would_change_is_refused() -> None:
    assert "data.value: 2 comes back as 4" in refusal(Doubling(1))


def test_what_post_init_leaves_alone_comes_back() -> None:
    assert again(Checked(2)) == Checked(2)


def test_what_post_init_would_refuse_isnt_stored() -> None:
    value = Checked(1)
    value.value = -1
    assert "below zero" in refusal(value)


@dataclass
class Lazy:
    value: int

    @cached_property
    def double(self) -> int:
        return self.value * 2


def test_a_cached_property_is_no_part_of_a_value() -> None:
    value = Lazy(2)
    assert value.double == 4
    assert again(value) == value


def test_an_attribute_that_no_field_mentions_is_refused() -> None:
    value = Lazy(2)
    value.note = "lost"  # type: ignore[attr-defined]
    assert refusal(value)


@dataclass(slots=True, kw_only=True, frozen=True)
class Slotted:
    a: int
    _b: tuple[int, ...] = ()


class Short(msgspec.Struct, omit_defaults=True, rename="camel", forbid_unknown_fields=True):
    long_name: float = 0.0
    others: list[int] = []
    unset: int | msgspec.UnsetType = msgspec.UNSET


@pytest.mark.parametrize(
    "value",
    [
        Slotted(a=1, _b=(2,)),
        Short(),
        Short(-0.0, [1], 5),
        record(Cat | Dog | None, Dog("Rex")),
        record(Point, Point(1)),
    ],
    ids=repr,
)
def test_a_value_that_fits_its_annotations_comes_back(value: Any) -> None:
    assert repr(again(value)) == repr(value)


@pytest.mark.parametrize("value", [Short(0), Short(False), Short(others=())], ids=repr)  # type: ignore[arg-type]
def test_a_value_equal_to_a_default_but_of_another_type_is_refused(value: Short) -> None:
    assert refusal(value)


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: Box[list[Any]] = Box([])
    loop.content.append(loop)
    assert "can't be written as JSON" in refusal(loop)


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


def test_a_value_that_cant_be_shown_is_refused_all_the_same() -> None:
    assert "can't be written as JSON" in refusal(record(Any, Unspeakable()))
