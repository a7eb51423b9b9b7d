"""`TypedCodec` with types and values drawn at random: whatever it encodes comes back, to the type of the last leaf."""

import dataclasses
import enum
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import msgspec
import pydantic
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nact import InvalidEventError, TypedCodec
from nact.persistence.building import json_data


class Rank(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Name(str):
    """A str that isn't quite one."""

    __slots__ = ()


@dataclasses.dataclass
class Leaf:
    number: int
    hidden: Any = dataclasses.field(default=None, compare=False)


class Model(pydantic.BaseModel):
    number: int
    text: str | None = None


zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(seconds=-7))])
moments = st.datetimes(timezones=st.none() | zones)

VALUES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**65), 2**65),
    str: st.text(max_size=3) | st.just("1"),
    float: st.floats(),
    bool: st.booleans(),
    type(None): st.none(),
    bytes: st.binary(max_size=3),
    date: st.dates(),
    datetime: moments,
    time: st.times(timezones=st.none() | zones),
    timedelta: st.timedeltas(),
    Decimal: st.decimals() | st.just(Decimal("1.00")),
    UUID: st.uuids(),
    Rank: st.sampled_from(Rank),
    Colour: st.sampled_from(Colour),
    Rights: st.sampled_from([Rights.READ, Rights.READ | Rights.WRITE, Rights(0)]),
    Literal["a", 1]: st.sampled_from(["a", 1]),
    Annotated[int, msgspec.Meta(ge=0)]: st.integers(-1, 1),
    Annotated[str, msgspec.Meta(max_length=2)]: st.text(max_size=3),
    Leaf: st.builds(Leaf, st.integers(0, 3), st.none() | st.just((1,))),
    Model: st.builds(Model, number=st.integers(0, 3), text=st.none() | st.text(max_size=2)),
    Any: st.recursive(st.none() | st.integers(0, 2) | st.text(max_size=2), st.lists, max_leaves=4),
}
WRONG = st.one_of(
    *(strategy for kind, strategy in VALUES.items() if kind is not Any),
    st.just(Name("a")),
    st.just(()),
    st.lists(st.booleans(), max_size=2),
    st.dictionaries(st.integers(0, 1) | st.text(max_size=1), st.integers(0, 1), max_size=2),
)
HASHABLE = [int, str, float, bool, bytes, date, datetime, Decimal, UUID, Rank, Colour]


@st.composite
def hints(draw: st.DrawFn, depth: int = 2) -> tuple[Any, st.SearchStrategy[Any]]:
    """A type, and values that are often of it."""
    shape = draw(st.sampled_from(["leaf", "leaf", "list", "tuple", "pair", "set", "dict", "optional", "union"]))
    if depth == 0 or shape == "leaf":
        kind = draw(st.sampled_from(list(VALUES)))
        return kind, VALUES[kind]
    key = draw(st.sampled_from(HASHABLE))
    if shape == "set":
        return set[key], st.sets(VALUES[key], max_size=2)  # type: ignore[valid-type]
    kind, values = draw(hints(depth - 1))
    other, others = draw(hints(depth - 1))
    return {
        "list": (list[kind], st.lists(values, max_size=2)),  # type: ignore[valid-type]
        "tuple": (tuple[kind, ...], st.lists(values, max_size=2).map(tuple)),  # type: ignore[valid-type]
        "pair": (tuple[kind, other], st.tuples(values, others)),  # type: ignore[valid-type]
        "dict": (dict[key, kind], st.dictionaries(VALUES[key], values, max_size=2)),  # type: ignore[valid-type]
        "optional": (Optional[kind], st.none() | values),  # noqa: UP045
        "union": (kind | other if isinstance(kind, type) else kind, values | others),
    }[shape]


def spelled(value: Any) -> Any:
    """All of a value, with the types of all its parts, comparable by `==`."""
    kind = type(value)
    if isinstance(value, dict):
        return kind, [(spelled(key), spelled(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return kind, [spelled(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return kind, sorted(repr(spelled(item)) for item in value)
    if isinstance(value, (datetime, time)):
        return kind, value.isoformat(), value.fold
    if isinstance(value, msgspec.Struct):
        return kind, [spelled(getattr(value, name)) for name in value.__struct_fields__]
    if dataclasses.is_dataclass(value) or isinstance(value, pydantic.BaseModel):
        return kind, spelled(value.__dict__)
    return kind, repr(value)


def comes_back_or_is_refused(kind: Any, value: Any) -> None:
    try:
        codec: TypedCodec[Any] = TypedCodec(kind)
    except TypeError:
        assume(False)  # a type that can't be stored
    try:
        stored = json_data.encode(codec.encode(value))
    except InvalidEventError:
        return
    assert spelled(codec.decode(json_data.decode(stored))) == spelled(value)


random_types = settings(deadline=None, suppress_health_check=list(HealthCheck))


@random_types
@given(st.data())
def test_any_field_of_a_dataclass_comes_back_or_is_refused(data: st.DataObject) -> None:
    hint, values = data.draw(hints())
    kind = dataclasses.make_dataclass("Record", [("value", hint)])
    comes_back_or_is_refused(kind, kind(data.draw(values | WRONG)))


@random_types
@given(st.data(), st.fixed_dictionaries({"array_like": st.booleans(), "omit_defaults": st.booleans()}))
def test_any_field_of_a_struct_comes_back_or_is_refused(data: st.DataObject, options: dict[str, Any]) -> None:
    hint, values = data.draw(hints())
    kind: Any = msgspec.defstruct("Record", [("value", hint), ("more", Optional[hint], None)], **options)  # noqa: UP045
    comes_back_or_is_refused(kind, kind(*data.draw(st.lists(values | WRONG, min_size=1, max_size=2))))


@random_types
@given(st.data())
def test_any_field_of_a_model_comes_back_or_is_refused(data: st.DataObject) -> None:
    hint, values = data.draw(hints())
    kind: Any = pydantic.create_model("Record", value=(hint, ...))
    comes_back_or_is_refused(kind, kind.model_construct(value=data.draw(values | WRONG)))
