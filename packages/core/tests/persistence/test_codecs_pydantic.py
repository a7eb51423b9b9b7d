"""`TypedCodec` with pydantic models: alone, in dataclasses and Structs, and with those in them."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Generic, Literal, TypeVar

import msgspec
import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, Field, Json, PrivateAttr, RootModel

from nact import TypedCodec
from nact.persistence.codecs._model_proofs import ModelProofs

from .test_codecs_exact import again, refusal

T = TypeVar("T")


class Line(BaseModel):
    sku: str
    count: int = Field(ge=1)
    note: str | None = None


class Discounted(Line):
    percent: int = 0


@dataclass(frozen=True)
class Order:
    first: Line
    lines: list[Line] = field(default_factory=list)
    by_name: dict[str, Line] = field(default_factory=dict)
    last: Line | None = None


class Parcel(msgspec.Struct):
    lines: tuple[Line, ...]


@dataclass
class Place:
    x: float
    names: tuple[str, ...] = ()


class Route(BaseModel):
    start: Place
    stops: list[Place] = []
    by_name: dict[str, Place] = {}


LINE = Line(sku="a", count=1)


# --- mixed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        Order(LINE),
        Order(LINE, [LINE, Line(sku="b", count=2, note="x")], {"a": LINE}, LINE),
        Parcel((LINE, LINE)),
        Route(start=Place(1.5), stops=[Place(2.5, ("a", "b"))], by_name={"home": Place(3.5)}),
    ],
    ids=["a field", "everywhere", "in a Struct", "a model of dataclasses"],
)
def test_models_and_dataclasses_hold_each_other(value: Any) -> None:
    assert again(value) == value


@pytest.mark.parametrize(
    "line",
    [
        Discounted(sku="a", count=1),
        Line.model_construct(sku="a", count=0, note=None),
        Line.model_construct(sku="a"),
        Line.model_construct(sku=5, count=1, note=None),
        {"sku": "a", "count": 1},
    ],
    ids=["a subclass", "out of bounds", "incomplete", "another type", "a dict"],
)
def test_a_model_in_a_dataclass_is_as_exact_as_alone(line: Any) -> None:
    assert refusal(Order(line))
    assert refusal(Order(LINE, lines=[line]))


def test_what_a_dataclass_in_a_model_would_lose_is_refused() -> None:
    assert "data.start.x: 1 (int) comes back as 1.0 (float)" in refusal(Route.model_construct(start=Place(1), stops=[]))


# --- exact or refused ------------------------------------------------------------------------------------------------


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    x: int


class Hiding(BaseModel):
    x: int
    _seen: int = PrivateAttr(5)


class Following(BaseModel):
    x: int
    _twice: int = PrivateAttr(0)

    def model_post_init(self, _: object) -> None:
        self._twice = self.x * 2


class Adding(BaseModel):
    x: int

    @pydantic.field_validator("x")
    @classmethod
    def one_more(cls, x: int) -> int:
        return x + 1


class Lossy(BaseModel):
    at: datetime

    @pydantic.field_serializer("at")
    def day(self, at: datetime) -> str:
        return at.strftime("%Y-%m-%d")


class Strings(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, str_to_lower=True)

    text: str


class Loose(BaseModel):
    it: Any = None
    fields: dict = {}  # type: ignore[type-arg]
    either: str | date = ""


def hiding(seen: int) -> Hiding:
    value = Hiding(x=1)
    value._seen = seen
    return value


@pytest.mark.parametrize(
    "value",
    [
        Open.model_validate({"x": 1, "y": (1,)}),
        Open.model_validate({"x": 1, "y": date(2024, 1, 1)}),
        hiding(77),
        Adding(x=1),
        Lossy(at=datetime(2024, 1, 1, 5, tzinfo=UTC)),
        Strings.model_construct(text=" A "),
        Loose(it=(1,)),
        Loose(it={1: 2}),
        Loose(it=LINE),
        Loose(fields={1: 2}),
        Loose(either=date(2024, 1, 1)),
        Line.model_construct(sku="a", count=True, note=None),
        Line.model_construct(sku=None, count=1, note=None),
    ],
    ids=repr,
)
def test_what_a_model_would_lose_or_alter_is_refused(value: BaseModel) -> None:
    assert refusal(value)


class Root(RootModel[list[int]]):
    pass


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    ages: set[int] = set()


class Owner(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")
    parsed: Json[list[int]] = []
    lengths: tuple[timedelta, date] = (timedelta(microseconds=1), date(2024, 1, 1))

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def what(self) -> str:
        return self.pet.kind


class Generic_(BaseModel, Generic[T]):  # noqa: N801
    it: T


class Tree(BaseModel):
    children: list["Tree"] = []


@pytest.mark.parametrize(
    "value",
    [
        Open.model_validate({"x": 1, "y": [1, {"z": None}]}),
        hiding(5),
        Following(x=3),
        Root([1, 2]),
        Owner(pet=Dog(ages={1, 2}), parsed="[1]"),  # type: ignore[arg-type]
        Generic_[tuple[int, ...]](it=(1, 2)),
        Tree(children=[Tree(), Tree(children=[Tree()])]),
    ],
    ids=repr,
)
def test_what_a_model_can_read_comes_back(value: BaseModel) -> None:
    assert again(value) == value


def test_a_value_assigned_without_a_check_is_refused() -> None:
    line = Line(sku="a", count=1)
    line.count = None  # type: ignore[assignment]
    assert refusal(line)


def test_pydantic_doesnt_warn_of_what_is_refused(recwarn: pytest.WarningsRecorder) -> None:
    refusal(Line.model_construct(sku="a", count="x", note=None))
    assert not recwarn.list


# --- what isn't read back to be sure ---------------------------------------------------------------------------------


class Renamed(BaseModel):
    a: int = Field(validation_alias="b", serialization_alias="a")
    b: int = Field(validation_alias=pydantic.AliasChoices("a", "b"), serialization_alias="b")


class Terse(BaseModel):
    x: int

    def model_dump(self, **options: Any) -> dict[str, Any]:
        return super().model_dump(**{**options, "exclude_defaults": True})


@pytest.mark.parametrize(
    "value",
    [
        Adding(x=1),
        Lossy(at=datetime(2024, 1, 1, tzinfo=UTC)),
        Strings(text="a"),
        Following(x=1),
        hiding(5),
        Root([1]),
        Owner(pet=Dog()),
        Terse(x=1),
        Renamed.model_validate({"b": 1, "a": 2}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_is_proven_of_a_model_that_does_as_it_likes(value: BaseModel) -> None:
    assert not ModelProofs().of(type(value))(value)


def test_a_plain_model_is_known_to_come_back() -> None:
    assert ModelProofs().of(Line)(LINE)
    assert ModelProofs().of(Tree)(Tree(children=[Tree()]))


def test_names_that_are_swapped_dont_mix_up_fields() -> None:
    with pytest.raises(TypeError, match=r"Renamed\.a: it is written as"):
        TypedCodec(Renamed)
