"""`TypedCodec` over the years: types that change, its arguments, and actors that use it."""

from collections.abc import Sequence
from typing import Any, Union

import msgspec
import pytest

from nact import (
    ActorStoppedError,
    CorruptJournalError,
    Decision,
    PersistentContext,
    TypedCodec,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
)

from .doubles import Judge, RiggedEngine, ask, contents, write
from .typed import NOON, Created, Removed

pytestmark = pytest.mark.anyio


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


def test_an_alias_is_read_and_never_written() -> None:
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
def test_invalid_types_are_refused_at_once(
    types: Any, options: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        TypedCodec(types, **options)


# --- in an actor -----------------------------------------------------------------------------------------------------


class Contacts(msgspec.Struct):
    names: tuple[str, ...] = ()


events: TypedCodec[Created | Removed] = TypedCodec(Created | Removed)


states: TypedCodec[Contacts] = TypedCodec(Contacts)


async def contacts(
    state: Contacts, msg: Created | Removed, ctx: PersistentContext[Created | Removed, Created | Removed]
) -> Contacts:
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
            key="k",
            initial_state=Contacts(),
            snapshot_every=2,
            codec=events,
            snapshot_codec=states,
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
        ref = spawn_persistent(system, contacts, key="k", initial_state=Contacts(), codec=events, on_crash=judge)
        with pytest.raises(ActorStoppedError):
            await ask(ref, Removed("Ada"))
    _, error = await judge.fault()
    assert isinstance(error, CorruptJournalError)
    assert (error.key, error.sequence_number) == ("k", 1)
    assert "Removed has version 9" in str(error)
