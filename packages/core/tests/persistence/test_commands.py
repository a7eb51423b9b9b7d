"""Metadata of events, and commands that are recognised when they come again."""

from typing import Any

import pytest

from nact import (
    CorruptJournalError,
    Decision,
    InvalidEventError,
    PersistentContext,
    Retention,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
)
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence._actor.commands import COMMAND_ID, COMMANDS, Commands

from .doubles import Judge, RiggedEngine, ask, stored

pytestmark = pytest.mark.anyio


async def deposit(balance: int, msg: Any, ctx: PersistentContext[Any, int]) -> int:
    """Messages are (amount, command id), or what to raise for."""
    if msg == "get":
        dispatch(ctx.sender, balance)
        return balance
    amount: int = msg[0]
    command_id: str = msg[1]
    if numbers := ctx.seen(command_id):
        dispatch(ctx.sender, numbers)
        return balance
    await ctx.persist(amount, metadata={"by": "ann"}, command_id=command_id)
    dispatch(ctx.sender, "new")
    return balance + amount


async def lived(engine: RiggedEngine, *commands: tuple[int, str], **options: Any) -> list[Any]:
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, deposit, key="k", initial_state=0, apply=int.__add__, **options)
        return [*[await ask(ref, command) for command in commands], await ask(ref)]


async def test_metadata_is_stored_beside_the_event() -> None:
    engine = RiggedEngine()
    await lived(engine, (5, "a"))
    (event,) = await stored(engine, "k")
    assert event.metadata == {"by": "ann", COMMAND_ID: "a"}


async def test_a_handler_that_is_replayed_takes_its_own_events_for_new() -> None:
    async def handler(balance: int, msg: Any, ctx: PersistentContext[Any, Any]) -> int:
        if ctx.seen(msg["id"]):
            dispatch(ctx.sender, ("seen", balance))
            return balance
        if not ctx.recovering:
            await ctx.persist(msg, command_id=msg["id"])
        balance += msg["amount"]
        dispatch(ctx.sender, ("new", balance))
        return balance

    engine, told = RiggedEngine(), []
    for _ in range(2):
        async with start(configure_persistence(engine, close=False)) as system:
            told.append(
                await ask(spawn_persistent(system, handler, key="k", initial_state=0), {"id": "a", "amount": 5})
            )
    assert told == [("new", 5), ("seen", 5)]


async def test_a_command_that_comes_again_is_recognised_also_after_a_restart() -> None:
    engine = RiggedEngine()
    assert await lived(engine, (5, "a"), (7, "b"), (5, "a")) == ["new", "new", (1,), 12]
    assert await lived(engine, (7, "b"), (1, "c")) == [(2,), "new", 13]


async def test_commands_outlive_the_events_that_a_snapshot_stands_for() -> None:
    engine = RiggedEngine()
    options: dict[str, Any] = {"snapshot_every": 1, "retention": Retention(1, delete_events=True)}
    assert await lived(engine, (5, "a"), **options) == ["new", 5]
    assert (await stored(engine, "k"))[0].is_deleted
    assert await lived(engine, (5, "a"), **options) == [(1,), 5]


async def test_the_last_commands_are_remembered() -> None:
    engine = RiggedEngine()
    await lived(engine, *[(1, f"c{number}") for number in range(5)], remember_commands=2)
    assert await lived(engine, (1, "c4"), (1, "c3"), (1, "c0"), remember_commands=2) == [(5,), (4,), "new", 6]


async def test_all_events_of_a_command_are_told() -> None:
    async def handler(state: None, msg: Any, ctx: PersistentContext[Any, Any]) -> None:
        first, second = await ctx.persist_all(["a", "b"], metadata={"by": "ann"}, command_id="one")
        assert first.metadata is not second.metadata
        await ctx.persist("c", command_id="one")
        dispatch(ctx.sender, ctx.seen("one"))

    engine = RiggedEngine()
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, handler, key="k", apply=lambda state, _: state)
        assert await ask(ref) == (1, 2, 3)
    assert [event.metadata for event in await stored(engine, "k")] == [
        {"by": "ann", COMMAND_ID: "one"},
        {"by": "ann", COMMAND_ID: "one"},
        {COMMAND_ID: "one"},
    ]


async def test_a_command_whose_event_was_refused_is_new() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(
            system, deposit, key="k", initial_state=0, apply=int.__add__, on_crash=Judge(Decision.RESUME)
        )
        engine.fail_write(InvalidEventError("no"), stored=False)
        dispatch(ref, (5, "a"))
        assert await ask(ref, (5, "a")) == "new"


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"metadata": {"nact.command_id": "x"}}, InvalidEventError, "those that begin with nact. are nact's"),
        ({"metadata": ["by"]}, InvalidEventError, "metadata must be a dict"),
        ({"metadata": {"by": b"ann"}}, InvalidEventError, r"metadata\.by: bytes"),
        ({"command_id": ""}, ValueError, "command_id must be a non-empty string"),
        ({"command_id": "\ud800"}, ValueError, "command_id must be a non-empty string"),
        ({"command_id": 5}, TypeError, "command_id must be a str, not 5"),
    ],
    ids=repr,
)
async def test_what_is_invalid_is_refused_and_nothing_stored(
    arguments: dict[str, Any], error: type[Exception], says: str
) -> None:
    async def handler(state: None, msg: Any, ctx: PersistentContext[Any, Any]) -> None:
        with pytest.raises(error, match=says):
            await ctx.persist("a", **arguments)
        dispatch(ctx.sender, "refused")

    engine = RiggedEngine()
    async with start(configure_persistence(engine, close=False)) as system:
        assert await ask(spawn_persistent(system, handler, key="k")) == "refused"
    assert await stored(engine, "k") == []


async def test_the_handlers_dict_stays_its_own() -> None:
    metadata = {"by": "ann"}

    async def handler(state: None, msg: Any, ctx: PersistentContext[Any, Any]) -> None:
        await ctx.persist("a", metadata=metadata, command_id="one")
        metadata["by"] = "bob"
        dispatch(ctx.sender, None)

    engine = RiggedEngine()
    async with start(configure_persistence(engine, close=False)) as system:
        await ask(spawn_persistent(system, handler, key="k", apply=lambda state, _: state))
    assert metadata == {"by": "bob"}
    assert (await stored(engine, "k"))[0].metadata == {"by": "ann", COMMAND_ID: "one"}


async def test_a_command_id_that_is_no_text_is_a_corrupt_journal() -> None:
    engine, judge = RiggedEngine(), Judge(Decision.STOP)
    await engine.persist(PersistedEvent(key="k", sequence_number=1, data=1, metadata={COMMAND_ID: 5}))
    async with start(configure_persistence(engine)) as system:
        spawn_persistent(system, deposit, key="k", initial_state=0, apply=int.__add__, on_crash=judge)
        _, error = await judge.fault()
    assert isinstance(error, CorruptJournalError)
    assert error.sequence_number == 1


@pytest.mark.parametrize("commands", [[], {"a": 1}, {"a": []}, {"a": ["1"]}, {"a": [True, None]}], ids=repr)
async def test_a_snapshot_with_unreadable_commands_is_a_corrupt_journal(commands: Any) -> None:
    engine, judge = RiggedEngine(), Judge(Decision.STOP)
    event = PersistedEvent(key="k", sequence_number=1, data=1)
    await engine.persist(event)
    await engine.take_snapshot(
        PersistedSnapshot(key="k", sequence_number=1, data=1, event_id=event.event_id, metadata={COMMANDS: commands})
    )
    async with start(configure_persistence(engine)) as system:
        spawn_persistent(system, deposit, key="k", initial_state=0, apply=int.__add__, on_crash=judge)
        _, error = await judge.fault()
    assert isinstance(error, CorruptJournalError)


def test_a_snapshot_without_commands_leaves_none() -> None:
    commands = Commands(2)
    commands.restore({COMMANDS: {"a": [1]}})
    commands.restore({})
    assert commands.seen("a") == ()


def test_of_more_commands_than_there_is_room_for_the_latest_are_taken_from_a_snapshot() -> None:
    commands = Commands(2)
    commands.restore({COMMANDS: {"c": [3], "a": [1], "b": [2]}})
    assert [commands.seen(command_id) for command_id in "abc"] == [(), (2,), (3,)]


def test_a_command_that_persists_again_counts_as_the_latest() -> None:
    commands = Commands(2)
    for number, command_id in enumerate(["a", "b", "a", "c"], 1):
        commands.remember(PersistedEvent(key="k", sequence_number=number, data=None, metadata={COMMAND_ID: command_id}))
    assert [commands.seen(command_id) for command_id in "abc"] == [(1, 3), (), (4,)]


async def test_the_context_tells_where_the_actor_stands() -> None:
    told: list[Any] = []

    async def handler(state: int, msg: Any, ctx: PersistentContext[Any, Any]) -> int:
        event = ctx.event
        told.append((ctx.recovering, ctx.key, ctx.sequence_number, event and (event.sequence_number, event.metadata)))
        if not ctx.recovering:
            await ctx.persist(msg, metadata={"by": msg})
            told.append(ctx.sequence_number)
        dispatch(ctx.sender, None)
        return state + 1

    engine = RiggedEngine()
    for msg in ("ann", "bob"):
        async with start(configure_persistence(engine, close=False)) as system:
            await ask(spawn_persistent(system, handler, key="k", initial_state=0), msg)
    assert told == [
        (False, "k", 0, None),
        1,
        (True, "k", 1, (1, {"by": "ann"})),
        (False, "k", 1, None),
        2,
    ]
