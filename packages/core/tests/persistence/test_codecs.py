"""`TypedCodec`: typed events and states, readable in the journal, that may change over the years."""

import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Union
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nact import (
    ActorStoppedError,
    CorruptJournalError,
    Decision,
    InvalidEventError,
    PersistentContext,
    TypedCodec,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
)
from nact.persistence import json_data

from .doubles import Judge, RiggedEngine, ask, contents, write

pytestmark = pytest.mark.anyio


SEVEN = UUID(int=7)


class Color(enum.Enum):
    RED = "red"


class Address(msgspec.Struct, frozen=True):
    street: str
    number: int


@dataclass(frozen=True)
class Created:
    name: str
    at: datetime
    address: Address | None = None
    tags: tuple[str, ...] = ()
    by_number: dict[int, str] = field(default_factory=dict)
    by_day: dict[date, int] = field(default_factory=dict)
    pair: tuple[int, str] = (0, "")
    members: frozenset[int] = frozenset()
    color: Color = Color.RED
    id: UUID = SEVEN
    price: Decimal = Decimal("1.50")
    raw: bytes = b""
    length: timedelta = timedelta(0)
    nested: list[tuple[int, ...]] = field(default_factory=list)


class Removed(msgspec.Struct, frozen=True):
    name: str


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


NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
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


# --- change ----------------------------------------------------------------------------------------------------------


def to_version_2(data: Any) -> Any:
    return {"full": data["name"]}


def to_version_3(data: Any) -> Any:
    first, _, last = data["full"].partition(" ")
    return {"first": first, "last": last}


class Renamed(msgspec.Struct):
    first: str
    last: str


def renamed_codec(**options: Any) -> TypedCodec[Renamed]:
    return TypedCodec(Renamed, upcasters={Renamed: [to_version_2, to_version_3]}, **options)


@pytest.mark.parametrize(
    ("version", "data"),
    [(1, {"name": "Ada Lovelace"}), (2, {"full": "Ada Lovelace"}), (3, {"first": "Ada", "last": "Lovelace"})],
)
def test_upcasters_bring_every_older_version_up_to_date(version: int, data: Any) -> None:
    value = renamed_codec().decode({"type": "Renamed", "version": version, "data": data})
    assert value == Renamed("Ada", "Lovelace")


def test_the_version_written_is_one_more_than_the_number_of_upcasters() -> None:
    assert renamed_codec().encode(Renamed("a", "b"))["version"] == 3


def test_what_a_newer_program_wrote_is_refused() -> None:
    with pytest.raises(ValueError, match="Renamed has version 4; this program knows up to 3"):
        renamed_codec().decode({"type": "Renamed", "version": 4, "data": {}})


def test_an_alias_reads_what_was_written_under_a_name_of_old_and_nothing_is_written_under_it() -> None:
    aliased = renamed_codec(aliases={"PersonNamed": Renamed})
    value = aliased.decode({"type": "PersonNamed", "version": 1, "data": {"name": "Ada Lovelace"}})
    assert value == Renamed("Ada", "Lovelace")
    assert aliased.encode(value)["type"] == "Renamed"


# --- arguments -------------------------------------------------------------------------------------------------------


def named(name: str) -> type:
    return msgspec.defstruct(name, [("a", int)])


@pytest.mark.parametrize(
    ("types", "options", "error", "says"),
    [
        (int, {}, TypeError, "expected dataclasses, msgspec Structs or pydantic models, not <class 'int'>"),
        (Created | int, {}, TypeError, "not <class 'int'>"),
        (Created | None, {}, TypeError, "not <class 'NoneType'>"),
        (Created("a", NOON), {}, TypeError, "expected dataclasses"),
        (list[Created], {}, TypeError, "expected dataclasses"),
        (Union[Created, named("Created")], {}, ValueError, "two types are called 'Created'"),  # noqa: UP007
        (Created, {"upcasters": {Removed: [to_version_2]}}, ValueError, "has upcasters or an alias, and isn't one"),
        (Created, {"aliases": {"Gone": Removed}}, ValueError, "has upcasters or an alias, and isn't one"),
        (Created | Removed, {"aliases": {"Created": Removed}}, ValueError, "the alias 'Created' is the name of one"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_types_that_cant_be_are_refused_at_once(
    types: Any, options: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        TypedCodec(types, **options)


# --- in an actor -----------------------------------------------------------------------------------------------------


class Contacts(msgspec.Struct):
    names: tuple[str, ...] = ()


events: TypedCodec[Created | Removed] = TypedCodec(Created | Removed)
states: TypedCodec[Contacts] = TypedCodec(Contacts)


async def contacts(state: Contacts, msg: Created | Removed, ctx: PersistentContext[Created | Removed]) -> Contacts:
    if not ctx.recovering:
        await ctx.persist(msg)
    names = [name for name in state.names if name != msg.name]
    state = Contacts((*names, msg.name) if isinstance(msg, Created) else tuple(names))
    dispatch(ctx.sender, state)
    return state


async def answers(engine: RiggedEngine, *msgs: Created | Removed) -> Sequence[Contacts]:
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(
            system,
            contacts,
            "k",
            initial_state=Contacts(),
            snapshot_every=2,
            encoder=events.encode,
            decoder=events.decode,
            snapshot_encoder=states.encode,
            snapshot_decoder=states.decode,
        )
        return [await ask(ref, msg) for msg in msgs]


async def test_an_actor_keeps_typed_events_and_states() -> None:
    engine = RiggedEngine()
    await answers(engine, Created("Ada", NOON), Created("Bob", NOON), Removed("Ada"))
    assert await answers(engine, Created("Eve", NOON)) == [Contacts(("Bob", "Eve"))]
    journal = dict(await contents(engine, "k"))
    assert journal[3] == {"type": "Removed", "version": 1, "data": {"name": "Ada"}}
    snapshot = await engine.latest_snapshot("k", up_to=2)
    assert snapshot is not None
    assert snapshot.data == {"type": "Contacts", "version": 1, "data": {"names": ["Ada", "Bob"]}}


async def test_an_event_that_a_newer_program_wrote_keeps_the_actor_from_starting() -> None:
    engine = RiggedEngine()
    await write(engine, "k", {"type": "Removed", "version": 9, "data": {}})
    judge = Judge(Decision.STOP)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, contacts, "k", initial_state=Contacts(), decoder=events.decode, on_crash=judge)
        with pytest.raises(ActorStoppedError):
            await ask(ref, Removed("Ada"))
    _, error = await judge.fault()
    assert isinstance(error, CorruptJournalError)
    assert (error.key, error.sequence_number) == ("k", 1)
    assert "Removed has version 9" in str(error)
