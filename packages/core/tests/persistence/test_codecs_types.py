"""`TypedCodec` is made only for types that can be written and read; what can't is named, with its field."""

import enum
from collections.abc import Iterable
from dataclasses import InitVar, dataclass, field, make_dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypedDict, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import pydantic
import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, PlainSerializer, SecretBytes, SecretStr

from nact import TypedCodec

from .typed import Address, Created

if TYPE_CHECKING:
    from nowhere import Elsewhere  # type: ignore[import-not-found]

T = TypeVar("T")


def fields(**hints: Any) -> Any:
    """A dataclass `Record` with these fields."""
    return make_dataclass("Record", list(hints.items()))


def in_a_list(kind: Any) -> Any:
    return fields(inner=list[kind])


def refusal(kind: Any) -> str:
    with pytest.raises(TypeError) as caught:
        TypedCodec(kind)
    return str(caught.value)


class Float(enum.Enum):
    HALF = 0.5


# --- dataclasses and Structs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hint",
    [
        date | str,
        date | datetime,
        Created | Address,
        list[int] | tuple[str, ...],
        dict[str, int] | Created,
        list[dict[str, date | str]],
        InitVar[int],
        complex,
        object,
        type[int],
        ZoneInfo,
        Iterable[int],
        msgspec.Raw,
        memoryview,
        Float,
        dict[tuple[int, int], str],
        dict[bool, str],
        dict[None, str],
        dict[Created, str],
    ],
    ids=str,
)
def test_a_field_that_cant_be_read_again_is_named(hint: Any) -> None:
    assert "Record.bad: " in refusal(fields(good=int, bad=hint))


@dataclass
class Unresolved:
    good: int
    bad: "Elsewhere"


class UnresolvedStruct(msgspec.Struct):
    good: int
    bad: "list[Elsewhere]"


class UnresolvedModel(BaseModel):
    good: int
    bad: "dict[str, Elsewhere]"


@pytest.mark.parametrize("kind", [Unresolved, UnresolvedStruct, UnresolvedModel])
@pytest.mark.parametrize("make", [lambda kind: kind, in_a_list], ids=["alone", "inside"])
def test_a_name_for_the_type_checker_alone_is_refused(kind: Any, make: Any) -> None:
    assert refusal(make(kind)).startswith(f"{kind.__name__}.bad: name 'Elsewhere' is not defined")


@dataclass
class Basket(list[int]):
    owner: str


def test_a_dataclass_that_is_a_container_too_is_refused() -> None:
    assert "Basket: what a list holds beside its fields isn't written" in refusal(Basket)
    assert "Record.bad: what a list holds" in refusal(fields(bad=Basket))


@dataclass
class Tree:
    value: int
    children: "list[Tree]" = field(default_factory=list)


class Row(NamedTuple):
    bad: complex


class Table(TypedDict):
    bad: complex


@pytest.mark.parametrize("kind", [Row, Table])
def test_a_field_of_a_tuple_or_dict_type_is_named_too(kind: type) -> None:
    assert f"{kind.__name__}.bad: " in refusal(fields(row=kind))


def test_a_type_that_contains_itself_has_a_codec() -> None:
    codec = TypedCodec(Tree)
    value = Tree(1, [Tree(2, [Tree(3)])])
    assert codec.decode(codec.encode(value)) == value


# --- pydantic models -------------------------------------------------------------------------------------------------


def model(hint: Any, default: Any = ..., **config: Any) -> Any:
    return pydantic.create_model("Record", __config__=ConfigDict(**config), bad=(hint, default))  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (model(SecretStr), "a secret is written as asterisks"),
        (model(dict[str, list[SecretBytes | None]]), "a secret is written as asterisks"),
        (model(int, Field(exclude=True)), "a field that is excluded isn't written"),
        (model(int, Field(5, exclude=True)), "a field that is excluded isn't written"),
        (model(int, Field(validation_alias="in", serialization_alias="out")), "it is written as 'out'"),
        (model(int, Field(5, validation_alias="in", serialization_alias="out")), "it is written as 'out'"),
        (model(int, Field(validation_alias=AliasChoices("one", "two"))), "it is written as 'bad'"),
        (model(int, Field(validation_alias=AliasPath("bad", 0))), "it is written as 'bad'"),
        (model(int, Field(serialization_alias="out")), "it is written as 'out'"),
        (model(Address, arbitrary_types_allowed=True), "pydantic can't read a msgspec Struct"),
        (model(list[Address] | None, None, arbitrary_types_allowed=True), "pydantic can't read a msgspec Struct"),
        (model(int, Field(alias="a"), validate_by_alias=False, validate_by_name=True), "it is written as 'a'"),
    ],
    ids=[
        *("a secret", "secrets", "excluded", "excluded, with a default", "two aliases", "two aliases and a default"),
        *("choices", "a path", "written otherwise", "a Struct", "Structs", "read by name"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda kind: kind, in_a_list], ids=["alone", "inside"])
def test_a_model_that_cant_read_itself_is_refused(kind: Any, says: str, wrap: Any) -> None:
    assert f"Record.bad: {says}" in refusal(wrap(kind))


def test_a_model_inside_a_model_is_looked_at_too() -> None:
    outer: Any = pydantic.create_model("Outer", inner=(list[model(SecretStr)] | None, None))  # type: ignore[arg-type, misc]
    assert "Record.bad: a secret" in refusal(outer)


class Opened(BaseModel):
    first: Annotated[SecretStr, PlainSerializer(SecretStr.get_secret_value)]
    more: list[Annotated[SecretStr, PlainSerializer(SecretStr.get_secret_value)]] = []
    third: SecretStr

    @pydantic.field_serializer("third")
    def opened(self, secret: SecretStr) -> str:
        return secret.get_secret_value()


def test_a_secret_with_a_serializer_of_its_own_comes_back() -> None:
    codec = TypedCodec(Opened)
    value = Opened(first=SecretStr("a"), more=[SecretStr("b")], third=SecretStr("c"))
    assert codec.decode(codec.encode(value)) == value


class Named(BaseModel):
    model_config = ConfigDict(populate_by_name=True, alias_generator=str.upper)

    plain: int
    chosen: int = Field(0, validation_alias=AliasChoices("old", "chosen"), serialization_alias="old")
    single: int = Field(0, validation_alias=AliasPath("SINGLE"))


def test_aliases_that_are_written_and_read_alike_are_taken() -> None:
    codec = TypedCodec(Named)
    value = Named(plain=1, chosen=2, single=3)
    encoded: Any = codec.encode(value)
    assert encoded["data"] == {"PLAIN": 1, "old": 2, "SINGLE": 3}
    assert codec.decode(encoded) == value
